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

}  // namespace

void check_calibration_apart(const std::vector<MethodChoice>& methods,
                             const std::vector<SuiteChoice>& suites, const Catalogue& catalogue,
                             Problems& problems) {
  std::set<std::string> said;  // a block with axes makes many settings
  const auto check = [&](const MethodChoice& choice) {
    if (!must_be_apart(choice, catalogue)) return;
    const std::string& dataset = choice.calibration->dataset;
    const auto suite = std::find_if(suites.begin(), suites.end(),
                                    [&](const SuiteChoice& one) { return one.dataset == dataset; });
    if (suite == suites.end()) return;
    const std::string text = fmt::format(
        "method '{}' would be calibrated on data set '{}', which suite '{}' scores: a gain there "
        "may be one of the text alone; set calibration.dataset to another one, or {} = true",
        choice.id, dataset, suite->id, kAllow);
    if (said.insert(fmt::format("{} {}", choice.place.text(), text)).second) {
      problems.add(choice.place, text);
    }
  };
  for (const MethodChoice& method : methods) {
    check(method);
    for (const MethodChoice& link : method.then) check(link);
  }
}

}  // namespace assay
