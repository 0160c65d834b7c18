#include "harness/runner/planned_cells.h"

namespace assay {

std::vector<PlannedCell> planned_cells(const Plan& plan) {
  std::vector<PlannedCell> cells;
  for (const Cell& cell : plan.cells) {
    const MethodChoice& method = plan.method_of(cell);
    const SuiteChoice& suite = plan.suite_of(cell);
    const ResolvedModel& model = plan.model_of(cell);
    cells.push_back({.ordinal = cell.ordinal,
                     .key = cell.key,
                     .twin_key = cell.twin_key,
                     .key_doc = cell.key_doc,
                     .method = method.id,
                     .params_json = canonical_json(method.all_params()),
                     .model_name = model.choice.id,
                     .model_hash = model.hash,
                     .suite = suite.id,
                     .suite_params_json = canonical_json(suite.params),
                     .profile = cell.profile,
                     .seed = cell.seed,
                     .random_weights = model.choice.random_weights,
                     .limited = suite.limited});
  }
  return cells;
}

}  // namespace assay
