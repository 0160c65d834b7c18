#include "harness/search/moves.h"

#include <algorithm>

namespace assay::search {

std::vector<Point> first_points(const Space& space) {
  std::vector<Point> points;
  for (const Point& point : {largest_point(space), smallest_point(space), midpoint(space)}) {
    if (std::find(points.begin(), points.end(), point) == points.end()) points.push_back(point);
  }
  return points;
}

void resample(const Space& space, std::size_t axis, Point& point, PythonRandom& random) {
  const auto count = static_cast<std::int64_t>(space.axes[axis].values.size());
  if (count < 2) return;
  const auto drawn = static_cast<std::int32_t>(random.randint(0, count - 2));
  point[axis] = drawn < point[axis] ? drawn : drawn + 1;
}

Point neighbour(const Space& space, const Point& point, PythonRandom& random) {
  std::vector<std::size_t> free_axes;
  for (std::size_t i = 0; i < space.axes.size(); ++i) {
    if (space.axes[i].values.size() > 1) free_axes.push_back(i);
  }
  if (free_axes.empty()) return point;
  Point other = point;
  resample(space, free_axes[random_index(free_axes.size(), random)], other, random);
  return other;
}

std::size_t random_index(std::size_t count, PythonRandom& random) {
  return static_cast<std::size_t>(random.randint(0, static_cast<std::int64_t>(count) - 1));
}

}  // namespace assay::search
