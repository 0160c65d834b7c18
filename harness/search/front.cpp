#include "harness/search/front.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <stdexcept>

namespace assay::search {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

void refuse_nan(std::span<const Objectives> points) {
  for (const Objectives& point : points) {
    if (std::isnan(point[0]) || std::isnan(point[1])) {
      throw std::invalid_argument("NaN has no place in a front");
    }
  }
}

/// Indices of the points, by objective `first`, then by the other one, then by index.
std::vector<std::size_t> sorted_indices(std::span<const Objectives> points) {
  std::vector<std::size_t> order(points.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return points[a] < points[b]; });
  return order;
}

/// Adds one objective's share to the distances of `members`, the indices of one rank.
void add_crowding(std::span<const Objectives> points, std::size_t objective,
                  std::vector<std::size_t> members, std::vector<double>& distances) {
  const auto value = [&](std::size_t place) { return points[members[place]][objective]; };
  std::stable_sort(members.begin(), members.end(), [&](std::size_t a, std::size_t b) {
    return points[a][objective] < points[b][objective];
  });
  distances[members.front()] = distances[members.back()] = kInfinity;
  const double span = value(members.size() - 1) - value(0);
  if (!(span > 0) || !std::isfinite(span)) return;
  for (std::size_t place = 1; place + 1 < members.size(); ++place) {
    distances[members[place]] += (value(place + 1) - value(place - 1)) / span;
  }
}

std::vector<std::vector<std::size_t>> members_of_ranks(const std::vector<int>& ranks) {
  std::vector<std::vector<std::size_t>> members;
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    const auto rank = static_cast<std::size_t>(ranks[i]);
    if (rank >= members.size()) members.resize(rank + 1);
    members[rank].push_back(i);
  }
  return members;
}

}  // namespace

std::vector<bool> non_dominated(std::span<const Objectives> points) {
  refuse_nan(points);
  std::vector<bool> flags(points.size(), false);
  // By ascending f1, ties by f2: a point is dominated when one before it has no larger f2, unless
  // that is its equal.
  const Objectives* best = nullptr;
  for (const std::size_t i : sorted_indices(points)) {
    const bool better = best == nullptr || points[i][1] < (*best)[1];
    flags[i] = better || points[i] == *best;
    if (better) best = &points[i];
  }
  return flags;
}

double hypervolume(std::span<const Objectives> points, const Objectives& reference) {
  refuse_nan(points);
  if (!std::isfinite(reference[0]) || !std::isfinite(reference[1])) {
    throw std::invalid_argument("the reference of a hypervolume must be finite");
  }
  double area = 0;
  double above = reference[1];
  for (const std::size_t i : sorted_indices(points)) {
    if (points[i][0] >= reference[0] || points[i][1] >= above) continue;
    area += (reference[0] - points[i][0]) * (above - points[i][1]);
    above = points[i][1];
  }
  return area;
}

std::vector<int> ranks(std::span<const Objectives> points) {
  refuse_nan(points);
  std::vector<int> ranks(points.size(), 0);
  // The last point of each front, in the order of non_dominated(): a front dominates a later point
  // when its last one does, so the first front that does not is the point's rank.
  std::vector<const Objectives*> last;
  for (const std::size_t i : sorted_indices(points)) {
    const auto takes = [&](const Objectives* end) {
      return points[i][1] < (*end)[1] || points[i] == *end;
    };
    const auto front = std::find_if(last.begin(), last.end(), takes);
    ranks[i] = static_cast<int>(front - last.begin());
    if (front == last.end()) {
      last.push_back(&points[i]);
    } else {
      *front = &points[i];
    }
  }
  return ranks;
}

std::vector<double> crowding(std::span<const Objectives> points, const std::vector<int>& ranks) {
  refuse_nan(points);
  if (ranks.size() != points.size()) throw std::invalid_argument("crowding: a rank for each point");
  std::vector<double> distances(points.size(), 0);
  for (const auto& members : members_of_ranks(ranks)) {
    if (members.empty()) continue;
    add_crowding(points, 0, members, distances);
    add_crowding(points, 1, members, distances);
  }
  return distances;
}

}  // namespace assay::search
