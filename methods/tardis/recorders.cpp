#include "methods/tardis/recorders.h"

#include <ATen/ops/amax.h>
#include <ATen/ops/amin.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/minimum.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "harness/base/errors.h"

namespace assay {
namespace {

constexpr double kRobustDeviations = 6;
constexpr std::int64_t kRowsAtOnce = 1024;

at::Tensor zeros_f64(std::int64_t size, const at::Tensor& like) {
  return at::zeros({size}, like.options().dtype(at::kDouble));
}

/// Sums and sums of squares over rows.
void add_sums(const at::Tensor& rows, at::Tensor& sum, at::Tensor& square_sum) {
  const at::Tensor wide = rows.to(at::kDouble);
  if (!sum.defined()) {
    sum = zeros_f64(rows.size(1), rows);
    square_sum = zeros_f64(rows.size(1), rows);
  }
  sum.add_(wide.sum(0));
  square_sum.add_(wide.square().sum(0));
}

at::Tensor variance(const at::Tensor& sum, const at::Tensor& square_sum, std::int64_t n) {
  return square_sum.div(n).sub(sum.div(n).square()).clamp_min(0);
}

void require_finite(std::int64_t layer, const at::Tensor& x) {
  if (at::isfinite(x.sum()).item<bool>()) return;
  throw UserError(fmt::format(
      "layer {}: the input of its feed-forward block holds values that are not finite on the "
      "calibration text; finite ones are needed to choose windows; check the model's weights "
      "(`assay model show`), or leave the layer out with skip_layers",
      layer));
}

template <typename Take>
void in_chunks(const at::Tensor& x, const Take& take) {
  for (std::int64_t first = 0; first < x.size(0); first += kRowsAtOnce) {
    take(x.narrow(0, first, std::min(kRowsAtOnce, x.size(0) - first)));
  }
}

}  // namespace

void RangePass::record(std::int64_t layer, Tap tap, const at::Tensor& rows,
                       const StepContext& step) {
  if (tap != Tap::kFfnInput) return;
  const at::Tensor x = rows_.select(rows, step);
  if (x.size(0) == 0) return;
  require_finite(layer, x);
  in_chunks(x, [&](const at::Tensor& chunk) { take(chunk); });
  require_finite(layer, sum_);
}

void RangePass::take(const at::Tensor& x) {
  const at::Tensor z = ffn_.pre_activations(x);
  const at::Tensor least = at::amin(z, {0}), most = at::amax(z, {0});
  least_ = least_.defined() ? at::minimum(least_, least) : least;
  most_ = most_.defined() ? at::maximum(most_, most) : most;
  add_sums(z, sum_, square_sum_);
  add_sums(ffn_.project(ffn_.activated(z)), out_sum_, out_square_sum_);
  if (!gram_.defined()) gram_ = at::zeros({x.size(1), x.size(1)}, x.options());
  gram_.addmm_(x.t(), x);
  tokens_ += x.size(0);
}

BinScale RangePass::scale(std::int64_t bins) const {
  const at::Tensor mean = sum_.div(tokens_);
  const at::Tensor reach = variance(sum_, square_sum_, tokens_).sqrt().mul(kRobustDeviations);
  const at::Tensor low = at::maximum(least_.to(at::kDouble), mean.sub(reach));
  const at::Tensor high = at::minimum(most_.to(at::kDouble), mean.add(reach));
  return {low.cpu(), high.cpu(), bins};
}

at::Tensor RangePass::hessian() const {
  return gram_.mul(2.0 / static_cast<double>(tokens_)).cpu();
}

double RangePass::output_variance() const {
  return variance(out_sum_, out_square_sum_, tokens_).sum().item<double>();
}

ResponsePass::ResponsePass(const PlainFfn& ffn, Predict predict, const BinScale& scale,
                           const RowFilter& fitted, const RowFilter& held)
    : ffn_(ffn),
      predict_(std::move(predict)),
      fitted_(fitted),
      held_(held),
      pre_(scale),
      prediction_(scale) {}

void ResponsePass::record(std::int64_t, Tap tap, const at::Tensor& rows, const StepContext& step) {
  if (tap != Tap::kFfnInput) return;
  in_chunks(fitted_.select(rows, step), [&](const at::Tensor& chunk) { take(chunk); });
  const at::Tensor held = held_.select(rows, step);
  const std::int64_t room = std::min(held.size(0), kMostHeldRows - kept_rows_);
  if (room <= 0) return;
  kept_.push_back(held.narrow(0, 0, room).clone());
  kept_rows_ += room;
}

void ResponsePass::take(const at::Tensor& x) {
  const at::Tensor z = ffn_.pre_activations(x);
  const at::Tensor prediction = predict_(x);
  add_sums(prediction.sub(z), error_sum_, error_square_sum_);
  pre_.add(z.cpu(), ffn_.activated(z).cpu());
  prediction_.add(prediction.cpu());
  tokens_ += x.size(0);
}

LayerResponse ResponsePass::finish(double kappa, double layer_weight) {
  pre_.accumulate();
  prediction_.accumulate();
  const at::Tensor guard =
      variance(error_sum_, error_square_sum_, tokens_).sqrt().mul(kappa).cpu().contiguous();
  const at::Tensor scale = ffn_.down.to(at::kDouble).square().sum(1).mul(layer_weight).cpu();
  const auto as_vector = [](const at::Tensor& t) {
    return std::vector<double>(t.const_data_ptr<double>(), t.const_data_ptr<double>() + t.numel());
  };
  return {std::move(pre_), std::move(prediction_), as_vector(guard), as_vector(scale.contiguous())};
}

at::Tensor ResponsePass::held_rows() const { return kept_.empty() ? at::Tensor() : at::cat(kept_); }

}  // namespace assay
