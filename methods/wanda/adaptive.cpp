#include <ATen/ops/cumsum.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/gather.h>
#include <ATen/ops/gt.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/searchsorted.h>
#include <ATen/ops/sort.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/where.h>

#include <cmath>
#include <optional>

#include "methods/wanda/wanda.h"

namespace assay {
namespace {

constexpr double kLargestAlpha = 0.8;
constexpr double kTolerance = 0.001;

/// Rows sorted once; each alpha then costs two binary searches a row.
class AdaptiveRows {
 public:
  explicit AdaptiveRows(const at::Tensor& scores)
      : sorted_(std::get<0>(at::sort(scores, std::optional<bool>(true), /*dim=*/1))),
        cumulative_(at::cumsum(sorted_, 1)),
        sums_(at::sum(scores, 1, /*keepdim=*/true)) {}

  /// f32 [rows, 1]: everything <= it goes. Below every score where alpha admits none (the published
  /// code then takes the last element of the row and prunes it whole).
  [[nodiscard]] at::Tensor thresholds(double alpha) const {
    const at::Tensor count = at::searchsorted(cumulative_, sums_.mul(alpha), false, /*right=*/true);
    const at::Tensor last = at::gather(sorted_, 1, count.sub(1).clamp_min(0));
    return at::where(count.gt(0), last, at::full_like(last, -1));
  }

  [[nodiscard]] double sparsity(const at::Tensor& thresholds) const {
    const at::Tensor pruned = at::searchsorted(sorted_, thresholds, false, /*right=*/true);
    return pruned.sum().item<double>() / static_cast<double>(sorted_.numel());
  }

 private:
  at::Tensor sorted_, cumulative_, sums_;
};

}  // namespace

at::Tensor wanda_adaptive_keep(const at::Tensor& scores, double ratio) {
  if (ratio == 0) return at::ones_like(scores, scores.options().dtype(at::kBool));
  const AdaptiveRows rows(scores);
  double low = 0, high = kLargestAlpha, alpha = (low + high) / 2;
  at::Tensor thresholds = rows.thresholds(alpha);
  double reached = rows.sparsity(thresholds);
  while (std::abs(reached - ratio) > kTolerance && high - low >= kTolerance) {
    (reached > ratio ? high : low) = alpha;
    alpha = (low + high) / 2;
    thresholds = rows.thresholds(alpha);
    reached = rows.sparsity(thresholds);
  }
  return at::gt(scores, thresholds);
}

}  // namespace assay
