#include "harness/subnetwork/layer_importance.h"

#include <ATen/TensorOperators.h>
#include <c10/util/BFloat16.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

#include "harness/base/errors.h"
#include "harness/method/layerwise.h"

namespace assay::subnetwork {
namespace {

void require_finite(double score, std::int64_t layer, const char* what) {
  if (std::isfinite(score)) return;
  throw UserError(
      fmt::format("layer {}: its {} is {}, so layers cannot be compared; look for NaN in the "
                  "checkpoint",
                  layer, what, score));
}

/// f64 [rows]
at::Tensor cosines(const at::Tensor& before, const at::Tensor& after) {
  const at::Tensor a = before.to(at::kDouble), b = after.to(at::kDouble);
  const at::Tensor norms = a.norm(2, 1).mul_(b.norm(2, 1));
  return (a * b).sum(1).div_(norms.clamp_min_(std::numeric_limits<double>::min()));
}

double added(double sum, const at::Tensor& values, CosineSum how) {
  if (how == CosineSum::kDouble) return sum + values.sum().item<double>();
  const at::Tensor rounded = values.to(at::kBFloat16).to(at::kFloat).cpu().contiguous();
  for (const float value :
       std::span(rounded.const_data_ptr<float>(), static_cast<std::size_t>(rounded.numel()))) {
    sum = c10::BFloat16(static_cast<float>(sum) + value);
  }
  return sum;
}

/// Losses of a model on the calibration text, with some of its layers left out.
class Losses {
 public:
  Losses(const Model& model, FitContext& context)
      : model_(model), context_(context), tokens_(context.calibration()) {
    if (tokens_.size(1) > 1) return;
    throw UserError(
        "the loss without a layer predicts each token from those before it, and the calibration "
        "samples "
        "have 1 token; set calibration.tokens to 2 or more");
  }

  /// Mean loss without `dropped` and without one more layer, for each that is left.
  LayerScores without_one_more(const std::set<std::int64_t>& dropped) {
    WalkOptions options;
    options.calibrate_on = CalibrateOn::kDense;
    options.without = dropped;
    LayerScores sums;
    double whole = 0;
    for_each_layer(model_, context_, options, [&](LayerVisit& visit) -> std::optional<Layer> {
      const std::int64_t index = visit.index();
      visit.observe([&](const RowsAround& rows) {
        sums[index] += sum_from(index + 1, rows.before, rows, dropped);
        const bool complete = dropped.empty() && index + 1 == model_.layer_count();
        if (complete) whole += sum_of(rows.after, rows);
      });
      return std::nullopt;
    });
    if (dropped.empty()) context_.metric("perplexity/dense", std::exp(whole / predictions()));
    for (auto& [layer, sum] : sums) {
      sum /= predictions();
      require_finite(sum, layer, "loss without it");
    }
    return sums;
  }

 private:
  [[nodiscard]] double predictions() const {
    return static_cast<double>(tokens_.size(0) * (tokens_.size(1) - 1));
  }

  /// Runs the rows through the layers from `first` on that are not dropped.
  [[nodiscard]] double sum_from(std::int64_t first, at::Tensor rows, const RowsAround& batch,
                                const std::set<std::int64_t>& dropped) const {
    for (std::int64_t i = first; i < model_.layer_count(); ++i) {
      if (dropped.contains(i)) continue;
      rows =
          model_.run_layer(model_.layers()[static_cast<std::size_t>(i)], i, rows, batch.sequences);
    }
    return sum_of(rows, batch);
  }

  /// Rows after the last layer -> the sum of the losses of all tokens but the first of each sample.
  [[nodiscard]] double sum_of(const at::Tensor& rows, const RowsAround& batch) const {
    const std::int64_t predicted = tokens_.size(1) - 1;
    const at::Tensor hidden = model_.finish(rows)
                                  .view({batch.sequences, tokens_.size(1), -1})
                                  .narrow(1, 0, predicted)
                                  .flatten(0, 1);
    const at::Tensor targets = tokens_.narrow(0, batch.first, batch.sequences)
                                   .narrow(1, 1, predicted)
                                   .flatten()
                                   .to(model_.device());
    return -model_.log_likelihood(hidden, targets).to(at::kDouble).sum().item<double>();
  }

  const Model& model_;
  FitContext& context_;
  at::Tensor tokens_;
};

}  // namespace

std::vector<std::int64_t> ascending_layers(const LayerScores& scores) {
  std::vector<std::int64_t> order;
  for (const auto& [layer, score] : scores) order.push_back(layer);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::int64_t a, std::int64_t b) { return scores.at(a) < scores.at(b); });
  return order;
}

LayerScores block_influences(const Model& model, FitContext& context, CosineSum how) {
  WalkOptions options;
  options.calibrate_on = CalibrateOn::kDense;
  const auto tokens = static_cast<double>(context.calibration().numel());
  LayerScores influences;
  for_each_layer(model, context, options, [&](LayerVisit& visit) -> std::optional<Layer> {
    double sum = 0;
    visit.observe(
        [&](const RowsAround& rows) { sum = added(sum, cosines(rows.before, rows.after), how); });
    influences[visit.index()] = 1 - sum / tokens;
    require_finite(influences[visit.index()], visit.index(), "influence");
    return std::nullopt;
  });
  return influences;
}

LayerScores losses_without_one_more(const Model& model, FitContext& context,
                                    const std::set<std::int64_t>& dropped) {
  return Losses(model, context).without_one_more(dropped);
}

}  // namespace assay::subnetwork
