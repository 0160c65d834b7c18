#pragma once
// Which points no other point beats in both directions, and where that is not decided.

#include <cstddef>
#include <functional>
#include <utility>
#include <vector>

namespace assay {

/// Indices of the points on the Pareto front, in order of x. `x_direction` and `y_direction` are
/// +1 (more is better) or -1. A point is on it unless another one is at least as good in both and
/// better in one; equal points are on it together. O(n log n).
std::vector<std::size_t> pareto_front(const std::vector<std::pair<double, double>>& points,
                                      int x_direction, int y_direction);

/// How the first of two points stands to the second in one direction.
enum class FrontSide { kBetter, kEqual, kUndecided, kWorse };
using Sides =
    std::function<std::pair<FrontSide, FrontSide>(std::size_t, std::size_t)>;  ///< in x and in y

/// Of each of `count` points, whether its place on the front or off it is undecided: it is surely
/// off when another point is better in one and better or equal in the other, surely on it when
/// every other one is worse in one of them or equal in both.
std::vector<bool> undecided_points(std::size_t count, const Sides& sides);

}  // namespace assay
