#pragma once
// Test support: attention in which heads and their keys are left out, token by token in loops.

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "harness/contextual/routed_fixture.h"
#include "harness/model/alibi.h"
#include "harness/model/golden_cases.h"
#include "harness/model/kernels/highest.h"

namespace assay {

/// Small models: grouped queries with rotation, learned positions, a window, ALiBi, norms of heads,
/// capped scores, bounds, neighbours that rotate, two rotary bases.
inline const std::vector<std::string>& attention_kinds() {
  static const std::vector<std::string> names{"llama_gqa", "opt",    "mistral_window",
                                              "bloom",     "qwen3",  "gemma2",
                                              "gemma3",    "cohere", "olmo_clipped_gqa"};
  return names;
}

/// Scores with heads chosen by position; a key that none of its group chose is not there.
class ByHand final : public Attention {
 public:
  /// masks: bool [positions, heads]. `absent` false: every key is there.
  ByHand(std::unique_ptr<Attention> dense, const ModelSpec& spec, at::Tensor masks, bool absent)
      : dense_(std::move(dense)),
        shape_(dynamic_cast<const StandardAttention&>(*dense_).shape()),
        masks_(std::move(masks)),
        absent_(absent) {
    if (spec.positions == PositionKind::kAlibi) bias_ = alibi_bias(spec, 64);
    eps_ = spec.norm_eps;
    offset_ = spec.norm_offset;
    dense_->visit_tensors([&](const std::string& name, at::Tensor& tensor) {
      if (name == "q_norm.weight") norms_[Slot::kQ] = tensor.to(at::kDouble);
      if (name == "k_norm.weight") norms_[Slot::kK] = tensor.to(at::kDouble);
    });
  }

  [[nodiscard]] at::Tensor forward(const at::Tensor& rows, StepContext& step) const override {
    const at::Tensor q = turned(normed(Slot::kQ, bounded(product(Slot::kQ, rows))), step);
    const at::Tensor k = turned(normed(Slot::kK, bounded(product(Slot::kK, rows))), step);
    const at::Tensor v = bounded(product(Slot::kV, rows));
    at::Tensor context = at::zeros_like(q);
    for (std::int64_t i = 0; i < rows.size(0); ++i) {
      for (std::int64_t h = 0; h < shape_.heads; ++h) {
        if (chosen(step, i, h)) part(context, i, h).copy_(attended(q, k, v, step, i, h));
      }
    }
    return product(Slot::kO, context).to(rows.scalar_type());
  }
  [[nodiscard]] Linear* linear(Slot slot) const override { return dense_->linear(slot); }
  void replace_linear(Slot, std::unique_ptr<Linear>) override { throw std::logic_error("no"); }
  void visit_tensors(const VisitTensor& visit) override { dense_->visit_tensors(visit); }
  [[nodiscard]] Cost cost() const override { return {}; }
  [[nodiscard]] std::unique_ptr<Attention> share() const override { throw std::logic_error("no"); }

 private:
  [[nodiscard]] at::Tensor product(Slot slot, const at::Tensor& rows) const {
    const auto& linear = dynamic_cast<const DenseLinear&>(*dense_->linear(slot));
    const at::Tensor out = rows.to(at::kDouble).matmul(linear.weight().to(at::kDouble).t());
    return linear.bias().defined() ? out.add(linear.bias()) : out;
  }
  [[nodiscard]] at::Tensor bounded(const at::Tensor& rows) const {
    return shape_.clip > 0 ? rows.clamp_max(shape_.clip).clamp_min(-shape_.clip) : rows;
  }
  /// Each head by itself.
  [[nodiscard]] at::Tensor normed(Slot slot, at::Tensor rows) const {
    const auto weight = norms_.find(slot);
    for (std::int64_t h = 0; weight != norms_.end() && h < rows.size(1) / shape_.head_dim; ++h) {
      at::Tensor head = rows.narrow(1, h * shape_.head_dim, shape_.head_dim);
      const at::Tensor size = (head * head).mean(1, true).add(eps_).sqrt();
      head.copy_(head / size * (weight->second + offset_));
    }
    return rows;
  }
  [[nodiscard]] at::Tensor turned(at::Tensor rows, const StepContext& step) const {
    if (!step.rope_cos.defined()) return rows;
    const std::int64_t half = step.rope_cos.size(1);
    for (std::int64_t h = 0; h < rows.size(1) / shape_.head_dim; ++h) {
      const std::int64_t first = h * shape_.head_dim, step_size = shape_.interleaved ? 2 : 1;
      const std::int64_t second = first + (shape_.interleaved ? 1 : half);
      at::Tensor left = rows.slice(1, first, first + step_size * half, step_size);
      at::Tensor right = rows.slice(1, second, first + 2 * half, step_size);
      const at::Tensor a = left.clone(), b = right.clone();
      left.copy_(a * step.rope_cos - b * step.rope_sin);
      right.copy_(b * step.rope_cos + a * step.rope_sin);
    }
    return rows;
  }
  [[nodiscard]] at::Tensor part(const at::Tensor& rows, std::int64_t row, std::int64_t head) const {
    return rows[row].narrow(0, head * shape_.head_dim, shape_.head_dim);
  }
  [[nodiscard]] bool chosen(const StepContext& step, std::int64_t row, std::int64_t head) const {
    return masks_[step.positions[row].item<std::int64_t>()][head].item<bool>();
  }
  [[nodiscard]] bool is_there(const StepContext& step, std::int64_t row, std::int64_t group) const {
    const std::int64_t size = shape_.heads / shape_.kv_heads;
    for (std::int64_t h = group * size; h < (group + 1) * size; ++h) {
      if (chosen(step, row, h)) return true;
    }
    return !absent_;
  }
  [[nodiscard]] bool sees(const StepContext& step, std::int64_t i, std::int64_t j) const {
    const auto at = [&](std::int64_t row) { return step.positions[row].item<std::int64_t>(); };
    const bool near = shape_.sliding_window == 0 || at(i) - at(j) < shape_.sliding_window;
    if (j > i || !near) return false;
    if (step.visibility.segments == nullptr) return i / step.tokens == j / step.tokens;
    for (const Segment& segment : *step.visibility.segments) {
      if (i < segment.offset || i >= segment.offset + segment.length) continue;
      if (j < segment.offset) return false;
      return !segment.mask.defined() ||
             segment.mask[i - segment.offset][j - segment.offset].item<bool>();
    }
    throw std::logic_error("a row of no segment");
  }
  /// f64 [head_dim]
  [[nodiscard]] at::Tensor attended(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                    const StepContext& step, std::int64_t i, std::int64_t h) const {
    const std::int64_t group = h * shape_.kv_heads / shape_.heads;
    at::Tensor sum = at::zeros({shape_.head_dim}, at::kDouble);
    double total = 0;
    for (std::int64_t j = 0; j <= i; ++j) {
      if (!sees(step, i, j) || !is_there(step, j, group)) continue;
      double score =
          part(q, i, h).dot(part(k, j, group)).item<double>() *
          shape_.scores().scale.value_or(1 / std::sqrt(static_cast<double>(shape_.head_dim)));
      if (shape_.softcap > 0) score = std::tanh(score / shape_.softcap) * shape_.softcap;
      if (bias_.defined()) score += bias_[0][h][0][step.positions[j]].item<double>();
      sum += part(v, j, group) * std::exp(score);
      total += std::exp(score);
    }
    return sum / total;
  }

  std::unique_ptr<Attention> dense_;
  AttentionShape shape_;
  at::Tensor masks_, bias_;
  std::map<Slot, at::Tensor> norms_;  ///< weights
  double eps_ = 0, offset_ = 0;
  bool absent_;
};

/// The same choices in every layer.
inline Model routed_heads(const Model& model, const Routing& routing,
                          const std::function<std::unique_ptr<Chooser>()>& chooser) {
  Model changed = model.clone();
  route_model(changed, routing, [&](std::int64_t) {
    RoutedParts parts;
    parts.heads = chooser();
    return parts;
  });
  return changed;
}

inline Model with_missing(const Model& model, MissingKeys missing, const at::Tensor& masks) {
  Routing routing;
  routing.missing = missing;
  return routed_heads(model, routing, [&] { return std::make_unique<ByPosition>(masks); });
}

inline Model by_hand(const Model& model, const at::Tensor& masks, bool absent) {
  Model changed = model.clone();
  for (Layer& layer : changed.layers()) {
    layer.attention =
        std::make_unique<ByHand>(std::move(layer.attention), changed.spec(), masks, absent);
  }
  return changed;
}

/// Runs the `count` heads with the largest contexts of the token itself.
class LargestContexts final : public Chooser {
 public:
  LargestContexts(std::int64_t heads, std::int64_t count) : heads_(heads), count_(count) {}
  [[nodiscard]] at::Tensor choose(const ChoiceInput& input, const StepContext&) const override {
    return highest(input.values.unflatten(1, {heads_, -1}).square().sum(2).to(at::kFloat), count_);
  }
  [[nodiscard]] bool needs_values() const override { return true; }
  [[nodiscard]] std::unique_ptr<Chooser> share() const override {
    return std::make_unique<LargestContexts>(*this);
  }

 private:
  std::int64_t heads_, count_;
};

/// Sums what blocks say of each row, and keeps what they said last.
class ToldSums final : public StepObserver {
 public:
  void observe(std::int64_t, const StepFact& fact, const at::Tensor& values) override {
    sums[fact.name] += values.sum().item<double>();
  }
  std::map<std::string, double> sums;
};

}  // namespace assay
