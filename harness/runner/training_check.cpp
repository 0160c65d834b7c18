#include "harness/runner/training_check.h"

#include <fmt/format.h>

#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "harness/base/errors.h"
#include "harness/runner/labelled_overlap.h"
#include "harness/runner/text_overlap.h"

namespace assay {
namespace {

/// A method's training folder and what it is scored on, of one form.
struct Pairing {
  const MethodChoice* method;
  const SuiteChoice* suite;
  std::string training, evaluation;
  std::int64_t trained = 0;  ///< tokens of a text that are used; 0: all
};

/// Whether what the suite scores can hold what the fit trains on.
bool are_alike(const FitJob& job, const std::string& data_format) {
  if (job.training_folder.empty()) return false;
  return data_format == (job.training_tokens > 0 ? "stream" : "labelled");
}

std::vector<Pairing> pairings_of(const Plan& plan, const Catalogue& catalogue) {
  std::vector<Pairing> pairings;
  std::set<std::tuple<std::string, std::string, std::int64_t>> seen;
  for (const Cell& cell : plan.cells) {
    if (cell.unmet) continue;
    const SuiteChoice& suite = plan.suite_of(cell);
    for (const FitJob* job : plan.jobs_for(cell.artefact_key)) {
      if (!are_alike(*job, catalogue.suite_kind(suite.kind).data_format)) continue;
      const MethodChoice& method = plan.method_of(*job);
      const std::int64_t trained = method.training->samples * job->training_tokens;
      if (!seen.emplace(job->training_folder, cell.data_folder, trained).second) continue;
      pairings.push_back({&method, &suite, job->training_folder, cell.data_folder, trained});
    }
  }
  return pairings;
}

/// "" where nothing stands on both sides.
std::string labelled_problem(const Pairing& pairing) {
  const LabelledOverlap overlap = overlap_of(pairing.training, pairing.evaluation);
  if (overlap.items == 0) return "";
  const TrainingChoice& training = *pairing.method->training;
  return fmt::format(
      "would train on {} texts of suite '{}' (data '{}', split '{}'; the first stands in {} and "
      "{}); choose another split",
      overlap.items, pairing.suite->id, training.dataset, training.split, overlap.training,
      overlap.evaluation);
}

std::string text_problem(const Pairing& pairing) {
  const TextOverlap overlap = text_overlap(pairing.training, pairing.evaluation, pairing.trained);
  if (!overlap.too_much()) return "";
  const TrainingChoice& training = *pairing.method->training;
  return fmt::format(
      "would train on text of suite '{}': {} of its {} stretches of {} tokens stand in data '{}', "
      "split '{}' (the first from token {} on, there from token {} on); choose another split or "
      "data set",
      pairing.suite->id, overlap.known, overlap.stretches, kOverlapTokens, training.dataset,
      training.split, overlap.evaluation, overlap.training);
}

}  // namespace

void check_training_texts(const Plan& plan, const Catalogue& catalogue) {
  std::vector<std::string> problems;
  for (const Pairing& pairing : pairings_of(plan, catalogue)) {
    const MethodChoice& method = *pairing.method;
    const std::string problem =
        method.training->on_text() ? text_problem(pairing) : labelled_problem(pairing);
    if (problem.empty()) continue;
    problems.push_back(fmt::format("{}: method '{}' {}", method.place.text(), method.id, problem));
  }
  if (!problems.empty()) throw UserError(problems);
}

}  // namespace assay
