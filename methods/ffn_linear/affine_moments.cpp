#include "methods/ffn_linear/affine_moments.h"

#include <ATen/ops/cholesky_solve.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/linalg_cholesky_ex.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/mv.h>
#include <ATen/ops/outer.h>
#include <ATen/ops/sum.h>

#include <algorithm>

#include "harness/base/errors.h"

namespace assay {
namespace {

constexpr double kLeastRetry = 1e-6;
constexpr double kLargestDamping = 10;
/// What is left of an input's variance once the others are known, as a part of the mean variance:
/// below this it is the rounding of fp32, as behind a layer norm, whose outputs sum to a constant.
constexpr double kLeastPivot = 1e-10;

void accumulate(at::Tensor& sum, const at::Tensor& more) {
  sum = sum.defined() ? sum.add_(more) : more;
}

}  // namespace

void AffineMoments::add(const at::Tensor& x, const at::Tensor& y) {
  if (x.size(0) == 0) return;
  const at::Tensor a = x.to(at::kDouble), b = y.to(at::kDouble);
  accumulate(x_, a.sum(0));
  accumulate(y_, b.sum(0));
  accumulate(xx_, at::mm(a.t(), a));
  accumulate(xy_, at::mm(a.t(), b));
  accumulate(yy_, b.square().sum());
  rows_ += x.size(0);
}

AffineMap AffineMoments::solve(double damping, double& used) const {
  const auto n = static_cast<double>(rows_);
  const at::Tensor mean_x = x_.div(n), mean_y = y_.div(n);
  const at::Tensor covariance = xx_.div(n).sub(at::outer(mean_x, mean_x));
  const at::Tensor cross = xy_.div(n).sub(at::outer(mean_x, mean_y));
  if (!at::isfinite(covariance.sum().add(cross.sum())).item<bool>()) {
    throw UserError(
        "activations on the calibration text are not finite; check the model's weights");
  }
  const at::Tensor unit = covariance.diagonal().mean();
  for (used = damping; used <= kLargestDamping; used = std::max(kLeastRetry, used * 10)) {
    at::Tensor damped = covariance.clone();
    damped.diagonal().add_(unit.mul(used));
    const auto [factor, failed] = at::linalg_cholesky_ex(damped);
    if (failed.item<std::int32_t>() != 0) continue;
    const at::Tensor pivots = factor.diagonal().square();
    if (pivots.min().item<double>() < kLeastPivot * unit.item<double>()) continue;
    const at::Tensor weight = at::cholesky_solve(cross, factor).t().contiguous();
    if (!at::isfinite(weight.sum()).item<bool>()) continue;
    return {weight, mean_y.sub(at::mv(weight, mean_x))};
  }
  throw UserError(
      "least squares failed with every damping up to 10: the inputs of the block do not vary on "
      "the "
      "calibration text; give more or other samples");
}

double AffineMoments::normalised_error(const AffineMap& map) const {
  const auto n = static_cast<double>(rows_);
  const at::Tensor& w = map.weight;
  const at::Tensor& b = map.bias;
  // E|W x + b - y|^2, expanded into the sums.
  const at::Tensor square = w.mul(at::mm(w, xx_)).sum().add(b.square().sum().mul(n)).add(yy_);
  const at::Tensor mixed =
      w.t().mul(xy_).sum().sub(b.mul(at::mv(w, x_)).sum()).add(b.mul(y_).sum());
  const double error = square.sub(mixed.mul(2)).item<double>();
  const double spread = yy_.sub(y_.square().sum().div(n)).item<double>();
  return spread > 0 ? std::max(0.0, error) / spread : 0;
}

}  // namespace assay
