#include "harness/search/space.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <set>
#include <stdexcept>

#include "harness/base/errors.h"
#include "harness/base/text.h"

namespace assay::search {
namespace {

std::string listed(const std::vector<std::int64_t>& values) {
  std::vector<std::string> texts;
  texts.reserve(values.size());
  for (const std::int64_t value : values) texts.push_back(std::to_string(value));
  return join(texts, ", ");
}

void check_axis(const Axis& axis, std::vector<std::string>& problems) {
  if (axis.name.empty()) problems.emplace_back("search space: an axis has no name");
  if (axis.values.empty()) {
    problems.push_back(fmt::format("search space: axis '{}' has no values", axis.name));
  }
  const auto out_of_order =
      std::adjacent_find(axis.values.begin(), axis.values.end(), std::greater_equal<>());
  if (out_of_order != axis.values.end()) {
    problems.push_back(
        fmt::format("search space: the values of axis '{}' must ascend, each once; "
                    "found {}",
                    axis.name, listed(axis.values)));
  }
}

void check_names(const Space& space, std::vector<std::string>& problems) {
  std::set<std::string> seen;
  for (const Axis& axis : space.axes) {
    if (!seen.insert(axis.name).second) {
      problems.push_back(fmt::format("search space: two axes are called '{}'", axis.name));
    }
  }
}

void check_size(const Space& space, const char* which, const Point& point,
                std::vector<std::string>& problems) {
  const double size = space.size(point);
  if (size > 0 && size <= 1) return;
  problems.push_back(
      fmt::format("search space: the size of the {} point is {}; it is a share of "
                  "the whole, above 0 and at most 1",
                  which, size));
}

void require_inside(const Space& space, const Point& point) {
  if (!contains(space, point)) throw std::invalid_argument("a point outside of the search space");
}

/// The index for every axis that `choose` gives.
template <class Choose>
Point point_of(const Space& space, Choose choose) {
  Point point;
  point.reserve(space.axes.size());
  for (const Axis& axis : space.axes) point.push_back(static_cast<std::int32_t>(choose(axis)));
  return point;
}

/// Values are compared by their distance from (first + last) / 2, without halves.
std::size_t middle_index(const Axis& axis) {
  const std::int64_t twice = axis.values.front() + axis.values.back();
  const auto distance = [twice](std::int64_t value) { return std::abs(2 * value - twice); };
  const auto nearest =
      std::min_element(axis.values.begin(), axis.values.end(),
                       [&](std::int64_t a, std::int64_t b) { return distance(a) < distance(b); });
  return static_cast<std::size_t>(nearest - axis.values.begin());
}

std::int32_t index_of(const Axis& axis, std::int64_t value) {
  const auto found = std::lower_bound(axis.values.begin(), axis.values.end(), value);
  if (found == axis.values.end() || *found != value) {
    throw UserError(fmt::format("search space: axis '{}' has no value {}; allowed: {}", axis.name,
                                value, listed(axis.values)));
  }
  return static_cast<std::int32_t>(found - axis.values.begin());
}

}  // namespace

void require_space(const Space& space) {
  std::vector<std::string> problems;
  if (space.axes.empty()) problems.emplace_back("search space: it has no axis");
  for (const Axis& axis : space.axes) check_axis(axis, problems);
  check_names(space, problems);
  if (!space.size) problems.emplace_back("search space: no size is given for its points");
  if (problems.empty()) {
    check_size(space, "largest", largest_point(space), problems);
    check_size(space, "smallest", smallest_point(space), problems);
  }
  if (!problems.empty()) throw UserError(problems);
}

Json space_identity(const Space& space) {
  Json axes = Json::array();
  for (const Axis& axis : space.axes)
    axes.push_back({{"name", axis.name}, {"values", axis.values}});
  return axes;
}

bool contains(const Space& space, const Point& point) {
  if (point.size() != space.axes.size()) return false;
  for (std::size_t i = 0; i < point.size(); ++i) {
    if (point[i] < 0 || static_cast<std::size_t>(point[i]) >= space.axes[i].values.size()) {
      return false;
    }
  }
  return true;
}

double point_count(const Space& space) {
  double count = 1;
  for (const Axis& axis : space.axes) count *= static_cast<double>(axis.values.size());
  return count;
}

std::vector<std::int64_t> values_of(const Space& space, const Point& point) {
  require_inside(space, point);
  std::vector<std::int64_t> values;
  for (std::size_t i = 0; i < point.size(); ++i) {
    values.push_back(space.axes[i].values[static_cast<std::size_t>(point[i])]);
  }
  return values;
}

Point point_from_values(const Space& space, const std::vector<std::int64_t>& values) {
  if (values.size() != space.axes.size()) {
    throw UserError(fmt::format("search space: {} values were given for {} axes", values.size(),
                                space.axes.size()));
  }
  Point point;
  for (std::size_t i = 0; i < values.size(); ++i) {
    point.push_back(index_of(space.axes[i], values[i]));
  }
  return point;
}

Point largest_point(const Space& space) {
  return point_of(space, [](const Axis& axis) { return axis.values.size() - 1; });
}

Point smallest_point(const Space& space) {
  return point_of(space, [](const Axis&) { return 0; });
}

Point midpoint(const Space& space) { return point_of(space, middle_index); }

Point random_point(const Space& space, PythonRandom& random) {
  return point_of(space, [&random](const Axis& axis) {
    return random.randint(0, static_cast<std::int64_t>(axis.values.size()) - 1);
  });
}

}  // namespace assay::search
