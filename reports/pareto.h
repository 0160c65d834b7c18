#pragma once
// Which points no other point beats in both directions.

#include <cstddef>
#include <utility>
#include <vector>

namespace assay {

/// Indices of the points on the Pareto front, in order of x. `x_direction` and `y_direction` are
/// +1 (more is better) or -1. A point is on it unless another one is at least as good in both and
/// better in one; equal points are on it together. O(n log n).
std::vector<std::size_t> pareto_front(const std::vector<std::pair<double, double>>& points,
                                      int x_direction, int y_direction);

}  // namespace assay
