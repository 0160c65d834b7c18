#pragma once
// How far a tuner is to be trusted: parts of what was measured tell the rest.

#include <cstdint>
#include <vector>

#include "harness/tune/tuner.h"

namespace assay::tune {

/// Where the cells that a tuner sees come from.
enum class Design {
  kDrawn,     ///< the reference and others by lot
  kProposed,  ///< the corners, then what the tuner itself proposes for the budget
};

/// Means over all draws and budgets.
struct Trial {
  Design design = Design::kDrawn;
  std::size_t cells = 0, draws = 0;
  double cost_share = 0;     ///< fit seconds of the cells by those of all; NaN: not known
  double quality_error = 0;  ///< mean absolute, of cells that were not seen, on the quality's scale
  double gain_error = 0;  ///< mean absolute, of cells that were not seen, in logarithms or points
  double hit1 = 0, hit3 = 0;  ///< the truly best cell was the first choice, among the first three
  double violated = 0;        ///< of the choices: quality as measured below the budget's floor
  double regret = 0;  ///< gain given up: 1 - chosen / best; without a choice the reference's
};

struct ValidationOptions {
  std::vector<std::size_t> sizes = {5, 8, 12};
  std::vector<double> budgets = {3, 4, 5, 6, 7, 8, 9, 10};
  int draws = 100;
  std::uint64_t seed = 0;
};

/// One trial a design and a size below the number of cells that have both values. The same options
/// give the same draws. Choices that nobody measured are passed over: there is no truth for them.
std::vector<Trial> validate(const Task& task, const ValidationOptions& options);

/// The largest gain among cells whose measured quality meets the budget; null: none does.
const Cell* best_cell(const Task& task, double budget);

}  // namespace assay::tune
