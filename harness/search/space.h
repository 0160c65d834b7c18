#pragma once
// What a search chooses from: a grid of whole numbers, an axis for each thing that may be smaller.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "harness/base/json.h"
#include "harness/base/python_random.h"

namespace assay::search {

/// One choice of a configuration, such as the width of a layer.
struct Axis {
  std::string name;
  std::vector<std::int64_t> values;  ///< strictly ascending, at least one
};

/// A configuration: for each axis an index into its values.
using Point = std::vector<std::int32_t>;

struct Space {
  std::vector<Axis> axes;  ///< at least one, names unique and not empty
  /// Share of the whole that remains, in (0, 1]; the largest point need not have 1. The same point
  /// has the same size at every call.
  std::function<double(const Point&)> size;
};

/// Throws UserError, with all that is wrong: no axis, names that are empty or there twice, values
/// that do not ascend, no size, or one of the largest or smallest point outside of (0, 1].
void require_space(const Space& space);

/// Names and values of the axes; the size is not part of it.
Json space_identity(const Space& space);

/// True for an index within its axis for every axis.
bool contains(const Space& space, const Point& point);

/// The product of the axes' lengths; a double, because per-layer spaces have more than 2^64 points.
double point_count(const Space& space);

/// The value of each axis. Throws std::invalid_argument for a point that is not in the space.
std::vector<std::int64_t> values_of(const Space& space, const Point& point);

/// Inverse of values_of(). Throws UserError with the axis and its values.
Point point_from_values(const Space& space, const std::vector<std::int64_t>& values);

/// The last value of every axis.
Point largest_point(const Space& space);
/// The first value of every axis.
Point smallest_point(const Space& space);
/// On every axis the value nearest to (first + last) / 2, the smaller of two that are equally near.
/// Klein et al. (arXiv 2405.02267) start from (last - first) / 2, which can lie below the first.
Point midpoint(const Space& space);

/// Every axis by itself, uniformly over its indices. Sizes are not uniform: see `stratified`.
Point random_point(const Space& space, PythonRandom& random);

}  // namespace assay::search
