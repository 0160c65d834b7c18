#include "harness/judge/identical.h"

#include <algorithm>
#include <cmath>

namespace assay {
namespace {

bool same_summary(const MetricValue& a, const MetricValue& b) {
  return a.value == b.value && a.lo == b.lo && a.hi == b.hi && a.n == b.n;
}

bool same_samples(const MetricRecord& a, const MetricRecord& b) {
  return std::equal(a.processes.begin(), a.processes.end(), b.processes.begin(), b.processes.end(),
                    [](const ProcessSamples& left, const ProcessSamples& right) {
                      return left.values == right.values;
                    });
}

/// Of one side alone, or the same on both.
bool agree(const std::optional<double>& a, const std::optional<double>& b) {
  return !a || !b || equal_to_rounding(*a, *b);
}

bool same_values(const ItemScore& a, const ItemScore& b) {
  return std::all_of(a.values.begin(), a.values.end(), [&](const auto& entry) {
    const auto other = b.values.find(entry.first);
    return other == b.values.end() || equal_to_rounding(entry.second, other->second);
  });
}

bool same_item(const ItemScore& a, const ItemScore& b) {
  return a.item_hash == b.item_hash && a.tokens == b.tokens && a.correct == b.correct &&
         agree(a.score, b.score) && agree(a.nll, b.nll) && agree(a.kld, b.kld) && same_values(a, b);
}

}  // namespace

bool equal_to_rounding(double a, double b) {
  constexpr double kRounding = 1e-6;
  return std::abs(a - b) <= kRounding * std::max({1.0, std::abs(a), std::abs(b)});
}

bool same_measurement(const CellRecord& cell_a, const MetricRecord& a, const CellRecord& cell_b,
                      const MetricRecord& b) {
  return same_summary(a.summary, b.summary) && same_samples(a, b) &&
         std::equal(cell_a.items.begin(), cell_a.items.end(), cell_b.items.begin(),
                    cell_b.items.end(), same_item);
}

}  // namespace assay
