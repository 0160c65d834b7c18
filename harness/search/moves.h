#pragma once
// How searchers make a point from others.

#include <vector>

#include "harness/search/space.h"

namespace assay::search {

/// Largest, smallest and middle point, each once.
std::vector<Point> first_points(const Space& space);

/// Gives axis `axis` another of its values, uniformly; one with a single value stays as it is.
void resample(const Space& space, std::size_t axis, Point& point, PythonRandom& random);

/// `point` with another value on one axis, uniformly among those that have several. The point
/// itself when there is none.
Point neighbour(const Space& space, const Point& point, PythonRandom& random);

/// Uniform index below `count` >= 1.
std::size_t random_index(std::size_t count, PythonRandom& random);

}  // namespace assay::search
