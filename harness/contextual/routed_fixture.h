#pragma once
// Test support: choosers whose choice is known, and the ways a model is run.

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/randint.h>

#include <filesystem>
#include <memory>
#include <utility>
#include <vector>

#include "harness/contextual/routed_model.h"
#include "harness/method/recording_context.h"
#include "harness/method/tiny_model.h"
#include "harness/model/kv_cache.h"

namespace assay {

/// Runs the units of the mask of each row's position.
class ByPosition final : public Chooser {
 public:
  /// bool [positions, units]
  explicit ByPosition(at::Tensor masks) : masks_(std::move(masks)) {}
  [[nodiscard]] at::Tensor choose(const ChoiceInput&, const StepContext& step) const override {
    return masks_.index_select(0, step.positions);
  }
  [[nodiscard]] std::unique_ptr<Chooser> share() const override {
    return std::make_unique<ByPosition>(*this);
  }

 private:
  at::Tensor masks_;
};

/// Runs those whose value in the token itself is above zero.
class WhatIsPositive final : public Chooser {
 public:
  explicit WhatIsPositive(std::int64_t units) : units_(units) {}
  [[nodiscard]] at::Tensor choose(const ChoiceInput& input, const StepContext&) const override {
    return input.rows.narrow(1, 0, units_).gt(0);
  }
  [[nodiscard]] std::unique_ptr<Chooser> share() const override {
    return std::make_unique<WhatIsPositive>(*this);
  }

 private:
  std::int64_t units_;
};

/// bool [rows, units], about half of them, never none.
inline at::Tensor any_masks(std::int64_t rows, std::int64_t units) {
  at::Tensor masks = at::randint(0, 2, {rows, units}, at::kLong).to(at::kBool);
  masks.select(1, 0).fill_(true);
  return masks;
}

inline double apart(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor wide = b.to(at::kDouble);
  return a.to(at::kDouble).sub(wide).abs().max().item<double>() / wide.abs().max().item<double>();
}

/// tokens [batch, length] -> logits [batch * length, vocabulary] of a pass that scores.
inline at::Tensor scored(const Model& model, const at::Tensor& tokens) {
  return model.logits(model.hidden(tokens));
}

/// The same by a prompt of `first` tokens and one step a token.
inline at::Tensor decoded(const Model& model, const at::Tensor& tokens, std::int64_t first) {
  const std::int64_t batch = tokens.size(0), length = tokens.size(1);
  KvCache cache(model.spec(), batch, length, model.dtype(), model.device());
  std::vector<at::Tensor> rows{
      model.hidden_step(tokens.narrow(1, 0, first).contiguous(), cache).view({batch, first, -1})};
  for (std::int64_t t = first; t < length; ++t) {
    rows.push_back(model.hidden_step(tokens.narrow(1, t, 1).contiguous(), cache).unsqueeze(1));
  }
  return model.logits(at::cat(rows, 1).flatten(0, 1));
}

}  // namespace assay
