#include "methods/cofi/distillation.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <limits>

#include "harness/model/mixing_input.h"
#include "harness/train/losses.h"

namespace assay::cofi {
namespace {

/// The residual stream that each layer reads.
class Streams final : public ActivationRecorder {
 public:
  explicit Streams(std::int64_t layers) : read_(static_cast<std::size_t>(layers)) {}
  void record(std::int64_t layer, Tap tap, const at::Tensor& rows, const StepContext&) override {
    if (tap != Tap::kAttentionStream && tap != Tap::kFfnStream) return;
    at::Tensor& stream = read_.at(static_cast<std::size_t>(layer));
    if (!stream.defined()) stream = rows;  // the FFN's is behind attention
  }
  [[nodiscard]] const std::vector<at::Tensor>& read() const { return read_; }

 private:
  std::vector<at::Tensor> read_;
};

/// Of the candidates below `limit`, the one that is nearest.
std::optional<std::int64_t> nearest(const at::Tensor& distances, std::int64_t limit) {
  if (limit <= 0) return std::nullopt;
  return distances.narrow(0, 0, limit).argmin().item<std::int64_t>();
}

/// mean (s_j W^T + b - t_i)^2 for every pair, without gradients.
at::Tensor distances(const LayerPass& student, const LayerPass& teacher,
                     const std::vector<std::int64_t>& taught, const DenseLinear& transform) {
  const at::NoGradGuard no_grad;
  at::Tensor all = at::empty({std::ssize(student.layers), std::ssize(taught)}, at::kFloat);
  for (std::int64_t j = 0; j < all.size(0); ++j) {
    const at::Tensor rows = transform.forward(student.layers[static_cast<std::size_t>(j)].detach());
    for (std::int64_t t = 0; t < all.size(1); ++t) {
      const auto layer = static_cast<std::size_t>(taught[static_cast<std::size_t>(t)]);
      all[j][t] = mean_squared_error(rows, teacher.layers[layer]);
    }
  }
  return all;
}

}  // namespace

LayerPass pass_with_layers(const Model& model, const PackedTokens& packed) {
  Streams streams(model.layer_count());
  const at::Tensor rows = model.hidden_packed(packed, &streams);
  // The last group of a multiplexed model may have scores of what filled it up.
  const at::Tensor scores = model.logits(output_input(model, rows, packed));
  LayerPass pass{.layers = {}, .scores = scores.narrow(0, 0, std::ssize(packed.segments))};
  for (std::size_t l = 1; l < streams.read().size(); ++l) pass.layers.push_back(streams.read()[l]);
  pass.layers.push_back(rows);
  return pass;
}

std::vector<std::int64_t> teacher_layers(std::int64_t layers) {
  constexpr std::int64_t kMost = 4;
  const std::int64_t count = std::clamp<std::int64_t>(layers / 2, 1, kMost);
  std::vector<std::int64_t> taught;
  for (std::int64_t i = 1; i <= count; ++i) taught.push_back(layers * i / count - 1);
  return taught;
}

std::vector<std::optional<std::int64_t>> aligned(const at::Tensor& distance,
                                                 const std::vector<std::int64_t>& taught,
                                                 const std::vector<std::int64_t>& numbers,
                                                 Alignment alignment) {
  std::vector<std::optional<std::int64_t>> matches(taught.size());
  std::int64_t limit = distance.size(0);
  for (std::size_t back = taught.size(); back > 0; --back) {
    const std::size_t t = back - 1;
    const at::Tensor column = distance.select(1, static_cast<std::int64_t>(t));
    if (alignment == Alignment::kSame) {
      const auto found = std::find(numbers.begin(), numbers.end(), taught[t]);
      if (found != numbers.end()) matches[t] = found - numbers.begin();
      continue;
    }
    matches[t] = nearest(column, limit);
    if (alignment == Alignment::kDescending && matches[t]) limit = *matches[t];
  }
  return matches;
}

at::Tensor distillation(const LayerPass& student, const LayerPass& teacher,
                        const std::vector<std::int64_t>& numbers, const DenseLinear& transform,
                        const DistillationSettings& settings) {
  at::Tensor loss = settings.label_weight *
                    distillation_loss(student.scores, teacher.scores, settings.temperature);
  if (settings.layer_weight == 0) return loss;
  const std::vector<std::int64_t> taught = teacher_layers(std::ssize(teacher.layers));
  const auto matches =
      aligned(distances(student, teacher, taught, transform), taught, numbers, settings.alignment);
  for (std::size_t t = 0; t < taught.size(); ++t) {
    if (!matches[t]) continue;
    const at::Tensor rows =
        transform.forward(student.layers.at(static_cast<std::size_t>(*matches[t])));
    const at::Tensor& wanted = teacher.layers.at(static_cast<std::size_t>(taught[t]));
    loss = loss + settings.layer_weight * mean_squared_error(rows, wanted);
  }
  return loss;
}

DenseLinear start_transform(std::int64_t width) { return {at::eye(width), at::zeros({width})}; }

DenseLinear transform_of(const DenseLinear& transform,
                         const std::vector<std::int64_t>& dimensions) {
  if (std::ssize(dimensions) == transform.in_features()) return transform;
  return columns_of(transform, at::tensor(dimensions, at::kLong).to(transform.weight().device()));
}

}  // namespace assay::cofi
