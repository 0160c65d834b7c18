#include "harness/tune/monotone.h"

#include <algorithm>
#include <optional>

namespace assay::tune {
namespace {

/// The axis that two places differ in, where it is one only.
std::optional<std::size_t> only_difference(const std::vector<double>& a,
                                           const std::vector<double>& b) {
  std::optional<std::size_t> found;
  for (std::size_t axis = 0; axis < a.size(); ++axis) {
    if (a[axis] == b[axis]) continue;
    if (found) return std::nullopt;
    found = axis;
  }
  return found;
}

/// True where a monotone function cannot be larger at `b` than at `a`.
bool no_larger(const std::vector<double>& b, const std::vector<double>& a,
               const Directions& directions) {
  for (std::size_t axis = 0; axis < a.size(); ++axis) {
    const double step = b[axis] - a[axis];
    if (directions[axis] == 0 ? step != 0 : step * directions[axis] > 0) return false;
  }
  return true;
}

int sign(double value) { return value > 0 ? 1 : value < 0 ? -1 : 0; }

}  // namespace

Directions directions_of(const std::vector<std::vector<double>>& places,
                         const std::vector<double>& values) {
  Directions votes(places.empty() ? 0 : places[0].size(), 0);
  for (std::size_t i = 0; i < places.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const auto axis = only_difference(places[i], places[j]);
      if (!axis) continue;
      votes[*axis] += sign(places[i][*axis] - places[j][*axis]) * sign(values[i] - values[j]);
    }
  }
  std::ranges::transform(votes, votes.begin(), [](int vote) { return sign(vote); });
  return votes;
}

std::vector<double> monotone(const std::vector<std::vector<double>>& places,
                             const std::vector<double>& values, const Directions& directions) {
  std::vector<double> result;
  for (std::size_t i = 0; i < places.size(); ++i) {
    double above = values[i], below = values[i];
    for (std::size_t j = 0; j < places.size(); ++j) {
      if (no_larger(places[j], places[i], directions)) above = std::max(above, values[j]);
      if (no_larger(places[i], places[j], directions)) below = std::min(below, values[j]);
    }
    result.push_back((above + below) / 2);
  }
  return result;
}

}  // namespace assay::tune
