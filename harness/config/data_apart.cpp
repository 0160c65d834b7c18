#include "harness/config/data_apart.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>

namespace assay {
namespace {

constexpr const char* kAllow = "allow_suite_data";

bool must_be_apart(const MethodChoice& choice, const Catalogue& catalogue) {
  return choice.calibration && catalogue.method(choice.id).calibration_apart &&
         !choice.params.value(kAllow, false);
}

/// What is wrong with each link of each setting, once: a block with axes makes many settings.
template <typename Judge>
void add_problems(const std::vector<MethodChoice>& methods, Judge judge, Problems& problems) {
  std::set<std::string> said;
  const auto check = [&](const MethodChoice& choice) {
    const std::string text = judge(choice);
    if (text.empty() || !said.insert(choice.place.text() + text).second) return;
    problems.add(choice.place, text);
  };
  for (const MethodChoice& method : methods) {
    check(method);
    for (const MethodChoice& link : method.then) check(link);
  }
}

/// The first suite for which this holds; null: none.
template <typename Holds>
const SuiteChoice* find_suite(const std::vector<SuiteChoice>& suites, Holds holds) {
  const auto found = std::find_if(suites.begin(), suites.end(), holds);
  return found == suites.end() ? nullptr : &*found;
}

const SuiteChoice* find_scoring(const std::vector<SuiteChoice>& suites, const std::string& dataset,
                                const std::string& split) {
  return find_suite(
      suites, [&](const SuiteChoice& one) { return one.dataset == dataset && one.split == split; });
}

}  // namespace

void check_calibration_apart(const std::vector<MethodChoice>& methods,
                             const std::vector<SuiteChoice>& suites, const Catalogue& catalogue,
                             Problems& problems) {
  const auto judge = [&](const MethodChoice& choice) -> std::string {
    if (!must_be_apart(choice, catalogue)) return "";
    const std::string& dataset = choice.calibration->dataset;
    const SuiteChoice* suite =
        find_suite(suites, [&](const SuiteChoice& one) { return one.dataset == dataset; });
    if (suite == nullptr) return "";
    return fmt::format(
        "method '{}' would be calibrated on data set '{}', which suite '{}' scores: a gain there "
        "may be one of the text alone; set calibration.dataset to another one, or {} = true",
        choice.id, dataset, suite->id, kAllow);
  };
  add_problems(methods, judge, problems);
}

void check_answers_apart(const std::vector<MethodChoice>& methods,
                         const std::vector<SuiteChoice>& suites, Problems& problems) {
  const auto judge = [&](const MethodChoice& choice) -> std::string {
    if (!choice.calibration || !choice.calibration->on_items()) return "";
    const CalibrationChoice& calibration = *choice.calibration;
    const SuiteChoice* suite = find_scoring(suites, calibration.dataset, calibration.split);
    if (suite == nullptr) return "";
    return fmt::format(
        "method '{}' would be calibrated on the right answers that suite '{}' asks for (data set "
        "'{}', split '{}'); set calibration.split or calibration.dataset to another one",
        choice.id, suite->id, calibration.dataset, calibration.split);
  };
  add_problems(methods, judge, problems);
}

void check_training_apart(const std::vector<MethodChoice>& methods,
                          const std::vector<SuiteChoice>& suites, Problems& problems) {
  const auto judge = [&](const MethodChoice& choice) -> std::string {
    if (!choice.training || !choice.training->on_text()) return "";
    const TrainingChoice& training = *choice.training;
    const SuiteChoice* suite = find_scoring(suites, training.dataset, training.split);
    if (suite == nullptr) return "";
    return fmt::format(
        "method '{}' would train on the text that suite '{}' scores (data set '{}', split '{}'); "
        "set training.split or training.dataset to another one",
        choice.id, suite->id, training.dataset, training.split);
  };
  add_problems(methods, judge, problems);
}

}  // namespace assay
