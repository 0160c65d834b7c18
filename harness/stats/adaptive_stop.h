#pragma once
// When sampling that adapts has taken enough.

#include <cstddef>
#include <optional>

#include "harness/stats/intervals.h"

namespace assay {

/// Half the width of an interval on the log scale, as a share: sqrt(hi / lo) - 1. An interval of
/// 5 % reaches from value / 1.05 to value * 1.05. Needs 0 < lo <= hi.
double log_half_width(const Interval& interval);

/// Stops when the interval was as narrow as asked at two looks in succession, or the budget is
/// used up. One look would stop too often where the values happen to lie close together: whoever
/// stops there covers the truth with 92 of 100 intervals of 95 %, whoever asks twice with 93 to 95
/// (adaptive_stop_test.cpp). Looks come after whole blocks, and the first after a fixed number of
/// values, so that the first interval is worth looking at.
class AdaptiveStop {
 public:
  struct Limits {
    double target = 0;       ///< log_half_width that is asked for
    double seconds = 0;      ///< nothing is begun that would end after it
    std::size_t fewest = 4;  ///< values before the first look
    std::size_t most = 40;
  };

  explicit AdaptiveStop(const Limits& limits) : limits_(limits) {}
  /// A look after a block: `width` of the widest interval that matters, absent when one has none;
  /// `seconds` since the start. True when no block is to follow.
  bool look(std::size_t values, std::optional<double> width, double seconds,
            std::size_t values_per_block);

 private:
  Limits limits_;
  int in_succession_ = 0;
};

}  // namespace assay
