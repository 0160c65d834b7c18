#include "harness/subnetwork/importance.h"

#include <ATen/ops/linalg_vector_norm.h>
#include <fmt/format.h>

#include <algorithm>

#include "harness/base/cell_errors.h"

namespace assay::subnetwork {
namespace {

/// Sums of values over rows.
class Sums {
 public:
  explicit Sums(Aggregate aggregate) : aggregate_(aggregate) {}
  /// [n, units]
  void add(const at::Tensor& values) {
    const at::Tensor wide = values.to(at::kFloat);
    const at::Tensor sizes = aggregate_ == Aggregate::kMean ? wide.abs() : wide.square();
    const at::Tensor sum = sizes.sum(0, /*keepdim=*/false, at::kDouble);
    sum_ = sum_.defined() ? sum_.add(sum) : sum;
    rows_ += values.size(0);
  }
  [[nodiscard]] at::Tensor value() const {
    if (aggregate_ == Aggregate::kNorm) return sum_.sqrt().cpu();
    return sum_.div(static_cast<double>(rows_)).cpu();
  }

 private:
  Aggregate aggregate_;
  at::Tensor sum_;
  std::int64_t rows_ = 0;
};

class Recorder final : public ActivationRecorder {
 public:
  Recorder(const ModelSpec& spec, const ImportanceSettings& settings)
      : spec_(spec), settings_(settings) {}

  void record(std::int64_t layer, Tap tap, const at::Tensor& rows, const StepContext&) override {
    const Tap neurons =
        settings_.neurons == NeuronValue::kGate ? Tap::kPreActivation : Tap::kDownInput;
    if (tap == neurons) add(neurons_, layer, rows);
    if (tap == Tap::kOutInput) add(groups_, layer, group_norms(layer, rows));
    if (spec_.pre_norm && spec_.input_norms && (tap == Tap::kQkvInput || tap == Tap::kFfnInput))
      add(norms_, layer * 2 + (tap == Tap::kFfnInput), rows);
  }

  /// Rows behind the final norm.
  void add_final(const at::Tensor& rows) {
    if (spec_.pre_norm) add(norms_, 2 * spec_.layers, rows);
  }

  [[nodiscard]] Importance importance() const {
    Importance result;
    for (const auto& [layer, sums] : neurons_) result.neurons[layer] = sums.value();
    for (const auto& [layer, sums] : groups_) result.groups[layer] = sums.value();
    for (const auto& [place, sums] : norms_) {
      result.width = result.width.defined() ? result.width.add(sums.value()) : sums.value();
    }
    return result;
  }

 private:
  using ByPlace = std::map<std::int64_t, Sums>;

  void add(ByPlace& all, std::int64_t place, const at::Tensor& rows) const {
    all.try_emplace(place, settings_.aggregate).first->second.add(rows);
  }

  /// contexts [n, heads * head_dim] -> [n, kv_heads]
  [[nodiscard]] at::Tensor group_norms(std::int64_t layer, const at::Tensor& rows) const {
    const LayerShape& shape = spec_.layer(layer);
    const at::Tensor heads = rows.to(at::kFloat).view({rows.size(0), shape.heads, shape.head_dim});
    return at::linalg_vector_norm(heads, 2, 2)
        .view({rows.size(0), shape.kv_heads, shape.heads / shape.kv_heads})
        .mean(2);
  }

  const ModelSpec& spec_;
  const ImportanceSettings& settings_;
  ByPlace neurons_, groups_;
  ByPlace norms_;  ///< by a number for each norm
};

at::Tensor sum_of(const std::map<std::int64_t, at::Tensor>& scores, const char* what) {
  at::Tensor sum;
  for (const auto& [layer, of_layer] : scores) {
    if (sum.defined() && sum.sizes() != of_layer.sizes()) {
      throw DoesNotApply(fmt::format(
          "one order of {} for all layers needs layers of one shape, and they differ; set "
          "order = 'per_layer'",
          what));
    }
    sum = sum.defined() ? sum.add(of_layer) : of_layer;
  }
  return sum;
}

std::map<std::int64_t, at::Tensor> orders_of(const std::map<std::int64_t, at::Tensor>& scores,
                                             OrderScope scope, const char* what) {
  std::map<std::int64_t, at::Tensor> orders;
  if (scores.empty()) return orders;
  const at::Tensor shared =
      scope == OrderScope::kGlobal ? descending_order(sum_of(scores, what), what) : at::Tensor();
  for (const auto& [layer, of_layer] : scores) {
    orders[layer] = shared.defined()
                        ? shared
                        : descending_order(of_layer, fmt::format("{} of layer {}", what, layer));
  }
  return orders;
}

}  // namespace

Importance measure_importance(const Model& model, const at::Tensor& tokens,
                              const ImportanceSettings& settings,
                              const std::function<void(std::int64_t, std::int64_t)>& progress) {
  Recorder recorder(model.spec(), settings);
  const std::int64_t samples = tokens.size(0);
  const std::int64_t batch = std::max<std::int64_t>(1, settings.batch_tokens / tokens.size(1));
  for (std::int64_t begin = 0; begin < samples; begin += batch) {
    if (progress) progress(begin, samples);
    const at::Tensor part = tokens.narrow(0, begin, std::min(batch, samples - begin));
    recorder.add_final(model.hidden(part.to(model.device()), &recorder));
  }
  return recorder.importance();
}

Orders orders_by(const Importance& importance, const ModelSpec& spec, OrderScope scope,
                 bool with_width) {
  Orders orders;
  orders.neurons = orders_of(importance.neurons, scope, "neurons");
  if (why_heads_stay(spec).empty()) {
    orders.groups = orders_of(importance.groups, scope, "groups of heads");
  }
  if (with_width) orders.width = descending_order(importance.width, "dimensions");
  return orders;
}

}  // namespace assay::subnetwork
