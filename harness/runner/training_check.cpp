#include "harness/runner/training_check.h"

#include <fmt/format.h>

#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "harness/base/errors.h"
#include "harness/runner/labelled_overlap.h"

namespace assay {
namespace {

/// A method's training folder and the items that it is scored on.
struct Pairing {
  const MethodChoice* method;
  const SuiteChoice* suite;
  std::string training, evaluation;
};

std::vector<Pairing> pairings_of(const Plan& plan, const Catalogue& catalogue) {
  std::vector<Pairing> pairings;
  std::set<std::tuple<std::string, std::string>> seen;
  for (const Cell& cell : plan.cells) {
    const SuiteChoice& suite = plan.suite_of(cell);
    if (cell.unmet || catalogue.suite_kind(suite.kind).data_format != "labelled") continue;
    for (const FitJob* job : plan.jobs_for(cell.artefact_key)) {
      if (job->training_folder.empty()) continue;
      if (!seen.emplace(job->training_folder, cell.data_folder).second) continue;
      pairings.push_back({&plan.method_of(*job), &suite, job->training_folder, cell.data_folder});
    }
  }
  return pairings;
}

}  // namespace

void check_training_texts(const Plan& plan, const Catalogue& catalogue) {
  std::vector<std::string> problems;
  for (const Pairing& pairing : pairings_of(plan, catalogue)) {
    const LabelledOverlap overlap = overlap_of(pairing.training, pairing.evaluation);
    if (overlap.items == 0) continue;
    const TrainingChoice& training = *pairing.method->training;
    problems.push_back(fmt::format(
        "{}: method '{}' would train on {} texts of suite '{}' (data '{}', split '{}'; the first "
        "stands in {} and {}); choose another split",
        pairing.method->place.text(), pairing.method->id, overlap.items, pairing.suite->id,
        training.dataset, training.split, overlap.training, overlap.evaluation));
  }
  if (!problems.empty()) throw UserError(problems);
}

}  // namespace assay
