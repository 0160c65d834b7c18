#include "methods/teal/allocation.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace assay::teal {
namespace {

/// What is left to save, or to raise, counts as nothing below this: sums of steps are not exact.
constexpr double kNothing = 1e-9;

double total_of(const std::vector<std::int64_t>& bytes) {
  return static_cast<double>(std::accumulate(bytes.begin(), bytes.end(), std::int64_t{0}));
}

}  // namespace

double weighted_sparsity(const std::vector<std::int64_t>& bytes,
                         const std::vector<double>& sparsities) {
  double saved = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    saved += static_cast<double>(bytes[i]) * sparsities[i];
  }
  return saved / total_of(bytes);
}

std::vector<double> allocate_greedily(const std::vector<std::int64_t>& bytes,
                                      const GreedyOptions& options, const BlockError& error) {
  const double total = total_of(bytes);
  const double raise = options.step * total / static_cast<double>(bytes.size());  // in bytes
  std::vector<double> sparsities(bytes.size(), 0.0);
  double reached = error(sparsities), missing = options.target * total;
  while (missing > kNothing * total) {
    std::vector<double> best;
    double best_growth = std::numeric_limits<double>::infinity(), best_error = 0, best_saved = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      const auto size = static_cast<double>(bytes[i]);
      const double saved = std::min({raise, missing, (1 - sparsities[i]) * size});
      if (saved <= kNothing * size) continue;
      std::vector<double> tried = sparsities;
      tried[i] = std::min(1.0, tried[i] + saved / size);
      const double there = error(tried);
      const double growth = (there - reached) / saved;
      if (!best.empty() && !(growth < best_growth)) continue;
      best = std::move(tried);
      best_growth = growth;
      best_error = there;
      best_saved = saved;
    }
    if (best.empty()) break;
    sparsities = std::move(best);
    reached = best_error;
    missing -= best_saved;
  }
  return sparsities;
}

}  // namespace assay::teal
