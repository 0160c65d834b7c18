#include "harness/runner/explain.h"

#include "harness/base/text.h"
#include "harness/runner/artefacts.h"
#include "harness/runner/requests.h"
#include "harness/runner/runner.h"

namespace assay {
namespace {

std::string why_to_run(const Plan& plan, const Store* store, const Cell& cell) {
  if (store == nullptr) return explain(cell, std::nullopt);
  if (store->timed_elsewhere(cell.key)) return "timed on another machine";
  const auto stored = store->final_outcome(cell.key);
  if (stored && stored->outcome == Outcome::kInterrupted) return "was interrupted";
  if (stored) return "the machine could not: " + stored->text;
  return explain(cell,
                 nearest_document(cell.key_doc, store->measured_keys(plan.method_of(cell).id,
                                                                     plan.suite_of(cell).id)));
}

std::vector<StageState> stages_of(const Plan& plan, const Cell& cell) {
  std::vector<StageState> stages;
  for (const FitJob* job : plan.jobs_for(cell.artefact_key)) {
    stages.push_back({job_name(plan, *job), job->key, cached_artefact(job->key).has_value()});
  }
  return stages;
}

/// "cached", "to fit"; where there are several, which: "traces cached, predictor to fit".
std::string summary_of(const std::vector<StageState>& stages) {
  const auto word = [](const StageState& stage) { return stage.cached ? "cached" : "to fit"; };
  if (stages.size() == 1) return word(stages.front());
  std::vector<std::string> texts;
  for (const StageState& stage : stages) texts.push_back(stage.name + " " + word(stage));
  return join(texts, ", ");
}

}  // namespace

CellExplanation explain_cell(const Plan& plan, const Store* store, const Cell& cell) {
  CellExplanation result;
  if (!cell.artefact_key.empty() && !cell.unmet) {
    result.stages = stages_of(plan, cell);
    result.artefact = summary_of(result.stages);
  }
  const auto stored = store == nullptr ? std::nullopt : store->final_outcome(cell.key);
  if (stored && stands(*stored)) {
    result.action = "stored";
    result.status = outcome_name(stored->outcome);
    result.why = stored->text.empty() ? "an attempt with this key is stored" : stored->text;
  } else if (cell.unmet) {
    result.action = "unmet";
    result.why = cell.unmet->text;
  } else {
    result.action = "run";
    result.why = why_to_run(plan, store, cell);
  }
  return result;
}

}  // namespace assay
