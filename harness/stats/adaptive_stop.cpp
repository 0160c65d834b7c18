#include "harness/stats/adaptive_stop.h"

#include <cmath>

namespace assay {
namespace {

constexpr int kLooksInSuccession = 2;

}  // namespace

double log_half_width(const Interval& interval) { return std::sqrt(interval.hi / interval.lo) - 1; }

bool AdaptiveStop::look(std::size_t values, std::optional<double> width, double seconds,
                        std::size_t values_per_block) {
  if (values < limits_.fewest) return false;
  in_succession_ = width && *width <= limits_.target ? in_succession_ + 1 : 0;
  if (in_succession_ >= kLooksInSuccession || values >= limits_.most) return true;
  const double blocks = static_cast<double>(values) / static_cast<double>(values_per_block);
  return seconds + seconds / blocks > limits_.seconds;
}

}  // namespace assay
