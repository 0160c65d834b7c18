#include "harness/runner/explain.h"

#include "harness/runner/artefacts.h"
#include "harness/runner/runner.h"

namespace assay {
namespace {

std::string why_to_run(const Plan& plan, const Store* store, const Cell& cell) {
  if (store == nullptr) return explain(cell, std::nullopt);
  const auto stored = store->final_outcome(cell.key);
  if (stored && stored->outcome == Outcome::kInterrupted) return "was interrupted";
  if (stored) return "the machine could not: " + stored->text;
  return explain(cell,
                 nearest_document(cell.key_doc, store->measured_keys(plan.method_of(cell).id,
                                                                     plan.suite_of(cell).id)));
}

}  // namespace

CellExplanation explain_cell(const Plan& plan, const Store* store, const Cell& cell) {
  CellExplanation result;
  if (!cell.artefact_key.empty() && !cell.unmet) {
    result.artefact = cached_artefact(cell.artefact_key) ? "cached" : "to fit";
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
