#pragma once
// What a metric's quantity can be at all: no interval reaches beyond it.

#include <limits>
#include <optional>
#include <string>

namespace assay {

struct MetricRange {
  double least = -std::numeric_limits<double>::infinity();
  double most = std::numeric_limits<double>::infinity();
  [[nodiscard]] bool holds(double value) const { return value >= least && value <= most; }
  [[nodiscard]] double nearest(double value) const;
};

/// By the tag (a share is in [0, 1], a perplexity at least 1) or else by the unit (a time, a size,
/// a rate is at least 0). Nothing for a metric that is not known here.
std::optional<MetricRange> known_range(const std::string& tag, const std::string& unit = "");

/// known_range, or all numbers.
MetricRange range_of(const std::string& tag, const std::string& unit = "");

}  // namespace assay
