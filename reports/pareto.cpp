#include "reports/pareto.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace assay {
namespace {

bool surely_beats(const std::pair<FrontSide, FrontSide>& sides) {
  const auto holds = [](FrontSide side) {
    return side == FrontSide::kBetter || side == FrontSide::kEqual;
  };
  const bool equal = sides.first == FrontSide::kEqual && sides.second == FrontSide::kEqual;
  return holds(sides.first) && holds(sides.second) && !equal;
}

bool may_beat(const std::pair<FrontSide, FrontSide>& sides) {
  const bool equal = sides.first == FrontSide::kEqual && sides.second == FrontSide::kEqual;
  return sides.first != FrontSide::kWorse && sides.second != FrontSide::kWorse && !equal;
}

}  // namespace

std::vector<std::size_t> pareto_front(const std::vector<std::pair<double, double>>& points,
                                      int x_direction, int y_direction) {
  const auto x = [&](std::size_t i) { return x_direction * points[i].first; };
  const auto y = [&](std::size_t i) { return y_direction * points[i].second; };
  std::vector<std::size_t> order(points.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return x(a) != x(b) ? x(a) > x(b) : y(a) > y(b);
  });
  std::vector<std::size_t> front;
  double best = -std::numeric_limits<double>::infinity();
  for (const std::size_t i : order) {
    const bool equal = !front.empty() && x(front.back()) == x(i) && y(front.back()) == y(i);
    if (y(i) > best || equal) front.push_back(i);
    best = std::max(best, y(i));
  }
  std::stable_sort(front.begin(), front.end(),
                   [&](std::size_t a, std::size_t b) { return points[a].first < points[b].first; });
  return front;
}

std::vector<bool> undecided_points(std::size_t count, const Sides& sides) {
  std::vector<bool> undecided(count);
  for (std::size_t i = 0; i < count; ++i) {
    bool beaten = false, doubtful = false;
    for (std::size_t j = 0; j < count && !beaten; ++j) {
      if (j == i) continue;
      const auto other = sides(j, i);
      beaten = surely_beats(other);
      doubtful = doubtful || may_beat(other);
    }
    undecided[i] = doubtful && !beaten;
  }
  return undecided;
}

}  // namespace assay
