#include "harness/cli/chosen_cells.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/base/errors.h"
#include "harness/runner/requests.h"

namespace assay {
namespace {

const Cell* cell_by_key(const Plan& plan, const Catalogue& catalogue,
                        const std::string& beginning) {
  std::vector<const Cell*> fitting;
  for (const Cell& cell : plan.cells) {
    if (!beginning.empty() && cell.key.starts_with(beginning)) fitting.push_back(&cell);
  }
  if (fitting.size() == 1) return fitting.front();
  if (fitting.empty()) {
    throw UserError(fmt::format(
        "--only {}: no cell of {} has a key that begins so; `assay plan` shows the keys", beginning,
        plan.experiment.name));
  }
  throw UserError(fmt::format(
      "--only {}: {} cells have keys that begin so, among them {} ({}) and "
      "{} ({}); give more of it",
      beginning, fitting.size(), fitting[0]->key, cell_label(plan, catalogue, *fitting[0]),
      fitting[1]->key, cell_label(plan, catalogue, *fitting[1])));
}

}  // namespace

std::vector<const Cell*> cells_by_key(const Plan& plan, const Catalogue& catalogue,
                                      const std::vector<std::string>& beginnings) {
  std::vector<const Cell*> cells;
  for (const std::string& beginning : beginnings) {
    const Cell* cell = cell_by_key(plan, catalogue, beginning);
    if (std::find(cells.begin(), cells.end(), cell) == cells.end()) cells.push_back(cell);
  }
  return cells;
}

}  // namespace assay
