// A model under gates against a pass that multiplies by them, written out here.

#include "harness/gates/gated_model.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/nonzero.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros_like.h>
#include <gmock/gmock.h>

#include <cmath>

#include "harness/base/cell_errors.h"
#include "harness/gates/gate_sizes.h"
#include "harness/model/encoder_golden.h"
#include "harness/model/golden_cases.h"
#include "harness/subnetwork/counters.h"

namespace assay::gates {
namespace {

class GatedModel : public testing::Test {
 protected:
  Model model_ = Model::load(encoder_folder() / "bert_classifier", {});
  GateShape shape_ = gate_shape(model_.spec());
  at::Tensor tokens_ = at::arange(3 * 7, at::kLong).remainder(70).view({3, 7});

  [[nodiscard]] at::Tensor weight(std::int64_t layer, Slot slot) const {
    return model_.parameter({layer, slot});
  }
  [[nodiscard]] at::Tensor bias(std::int64_t layer, Slot slot) const {
    return model_.parameter({layer, slot, true});
  }
  [[nodiscard]] at::Tensor linear(const at::Tensor& rows, std::int64_t layer, Slot slot) const {
    return at::linear(rows, weight(layer, slot), bias(layer, slot));
  }
  /// Over the open dimensions, times their gates; 0 elsewhere.
  [[nodiscard]] at::Tensor normed(const at::Tensor& rows, std::int64_t layer, Slot slot,
                                  const at::Tensor& width) const {
    const at::Tensor kept = at::nonzero(width).view(-1);
    const auto part = [&](const at::Tensor& of) { return of.index_select(-1, kept); };
    const at::Tensor normed = at::layer_norm(part(rows), {kept.size(0)}, part(weight(layer, slot)),
                                             part(bias(layer, slot)), 1e-12);
    return at::zeros_like(rows).index_copy(-1, kept, normed * part(width));
  }
  [[nodiscard]] static at::Tensor width_of(const GateSet& gates, std::int64_t width) {
    return gates.width.defined() ? gates.width : at::ones({width});
  }
  [[nodiscard]] at::Tensor embedded(const at::Tensor& width) const {
    const auto table = [&](Slot slot) { return model_.parameter({-1, slot}); };
    const at::Tensor rows = table(Slot::kEmbedding).index_select(0, tokens_.view(-1)) +
                            table(Slot::kPositions).narrow(0, 0, 7).repeat({3, 1}) +
                            table(Slot::kTokenTypes)[0];
    return normed((rows * width).view({3, 7, -1}), -1, Slot::kEmbeddingNorm, width);
  }

  /// [batch, tokens, width] -> heads' contexts, each times its gate [batch, tokens, width]
  [[nodiscard]] at::Tensor contexts(const at::Tensor& rows, std::int64_t l,
                                    const GateSet& gates) const {
    const std::int64_t batch = rows.size(0), tokens = rows.size(1),
                       dim = shape_.width / shape_.heads;
    const auto heads = [&](Slot slot) {
      return linear(rows, l, slot).view({batch, tokens, shape_.heads, dim}).transpose(1, 2);
    };
    const at::Tensor scores = at::matmul(heads(Slot::kQ), heads(Slot::kK).transpose(2, 3)) /
                              std::sqrt(static_cast<double>(dim));
    const at::Tensor context = at::matmul(at::softmax(scores, 3), heads(Slot::kV));
    return (context * gates.heads[l].view({1, -1, 1, 1}))
        .transpose(1, 2)
        .reshape({batch, tokens, shape_.width});
  }

  [[nodiscard]] static bool any(const at::Tensor& gates) { return gates.gt(0).any().item<bool>(); }

  /// Scores as the paper masks: gates multiply what they are of; what has no unit left is passed by
  /// with its norm.
  [[nodiscard]] at::Tensor masked_scores(const GateSet& gates) const {
    const at::Tensor width = width_of(gates, shape_.width);
    at::Tensor rows = embedded(width);
    for (std::int64_t l = 0; l < shape_.layers; ++l) {
      if (any(gates.attention[l] * gates.heads[l])) {
        const at::Tensor out = linear(contexts(rows, l, gates), l, Slot::kO) * gates.attention[l];
        rows = normed(out * width + rows, l, Slot::kAttentionNorm, width);
      }
      if (any(gates.ffn[l] * gates.neurons[l])) {
        const at::Tensor act = at::gelu(linear(rows, l, Slot::kUp)) * gates.neurons[l];
        const at::Tensor out = linear(act, l, Slot::kDown) * gates.ffn[l];
        rows = normed(out * width + rows, l, Slot::kFfnNorm, width);
      }
    }
    return model_.logits(rows.select(1, 0).contiguous());
  }

  [[nodiscard]] GateSet drawn(double share_open, bool with_width = false) const {
    const auto of = [&](at::IntArrayRef sizes) {
      const at::Tensor values = at::rand(sizes) * 0.9 + 0.1;
      return values * at::rand(sizes).lt(share_open);
    };
    return {at::rand({shape_.layers}) * 0.5 + 0.5, of({shape_.layers, shape_.heads}),
            at::rand({shape_.layers}) * 0.5 + 0.5, of({shape_.layers, shape_.neurons}),
            with_width ? of({shape_.width}) : at::Tensor()};
  }
};

TEST_F(GatedModel, IsTheMaskedOne) {
  const at::NoGradGuard guard;
  for (const bool with_width : {false, true}) {
    for (const double open : {1.0, 0.7, 0.3}) {
      const GateSet gates = drawn(open, with_width);
      const at::Tensor scores = gated_model(model_, gates).sequence_logits(tokens_);
      EXPECT_LE(relative_error(scores, masked_scores(gates)), 1e-5) << open << with_width;
    }
  }
}

/// What is left is narrower everywhere but in what the pooler gives.
TEST_F(GatedModel, ClosedDimensionsAreCutOut) {
  const at::NoGradGuard guard;
  const GateSet gates = drawn(0.6, true);
  const std::int64_t left = gates.width.gt(0).sum().item<std::int64_t>();
  ASSERT_LT(left, shape_.width);
  const Model gated = gated_model(model_, gates);
  EXPECT_EQ(gated.spec().width, left);
  EXPECT_EQ(gated.spec().embedding_width, left);
  EXPECT_EQ(gated.spec().pooler_width, shape_.width);
  for (const ParameterShape& parameter : parameter_shapes(gated.spec())) {
    EXPECT_EQ(gated.parameter(parameter.id).sizes().vec(), parameter.shape);
  }
  EXPECT_EQ(gated.cost().params, subnetwork::parameter_count(gated.spec()));
}

TEST_F(GatedModel, WhenAllDimensionsAreClosedTheMostOpenOneStays) {
  GateSet gates = drawn(1, true);
  gates.width.zero_();
  EXPECT_THAT(open_network(model_.spec(), gates).dimensions, testing::ElementsAre(0));
}

/// All heads of a layer are closed though its attention is open: without the norm, and without the
/// bias that is left.
TEST_F(GatedModel, ASubLayerWithoutUnitsIsPassedBy) {
  const at::NoGradGuard guard;
  GateSet gates = drawn(1);
  gates.heads[0].zero_();
  gates.ffn[1].zero_();
  const Model gated = gated_model(model_, gates);
  EXPECT_FALSE(gated.spec().layer(0).has_attention);
  EXPECT_FALSE(gated.spec().layer(1).has_ffn);
  EXPECT_LE(relative_error(gated.sequence_logits(tokens_), masked_scores(gates)), 1e-5);
}

TEST_F(GatedModel, WithAllGatesAtOneIsTheModel) {
  const at::NoGradGuard guard;
  const GateSet gates{at::ones({shape_.layers}),
                      at::ones({shape_.layers, shape_.heads}),
                      at::ones({shape_.layers}),
                      at::ones({shape_.layers, shape_.neurons}),
                      {}};
  const Model gated = gated_model(model_, gates);
  EXPECT_TRUE(gated.sequence_logits(tokens_).equal(model_.sequence_logits(tokens_)));
  EXPECT_EQ(gated.cost().params, model_.cost().params);
}

TEST_F(GatedModel, WhenEverythingIsClosedAHeadStays) {
  const at::NoGradGuard guard;
  GateSet gates = drawn(1);
  for (at::Tensor* tensor : gates.all()) {
    if (tensor->defined()) tensor->zero_();
  }
  const subnetwork::SubNetwork network = open_network(model_.spec(), gates);
  ASSERT_EQ(network.layers.size(), 1U);
  EXPECT_EQ(network.layers[0].groups.size(), 1U);
}

/// Against differences of the masked pass.
TEST_F(GatedModel, GradientsReachGatesAndWeights) {
  GateSet gates = drawn(0.8, true);
  for (at::Tensor* tensor : gates.all()) tensor->requires_grad_(true);
  at::Tensor down = weight(0, Slot::kDown);
  down.requires_grad_(true);
  gated_model(model_, gates).sequence_logits(tokens_).sum().backward();
  EXPECT_GT(down.grad().abs().sum().item<double>(), 0);
  const at::NoGradGuard guard;
  constexpr double kStep = 1e-2;
  const auto difference = [&](at::Tensor gate) {
    const double value = gate.item<double>();
    gate.fill_(value + kStep);
    const double above = masked_scores(gates).sum().item<double>();
    gate.fill_(value - kStep);
    const double below = masked_scores(gates).sum().item<double>();
    gate.fill_(value);
    return (above - below) / (2 * kStep);
  };
  const auto expect_gradient = [&](const at::Tensor& all, std::int64_t l) {
    const at::Tensor gradient = all.dim() == 1 ? all.grad()[l] : all.grad()[l][0];
    const at::Tensor gate = all.dim() == 1 ? all[l] : all[l][0];
    if (gate.item<double>() == 0) return;
    const double expected = difference(gate);
    EXPECT_NEAR(gradient.item<double>(), expected, 2e-2 * std::abs(expected) + 2e-4);
  };
  for (std::int64_t l = 0; l < shape_.layers; ++l) {
    for (const at::Tensor& all :
         {gates.attention, gates.heads, gates.ffn, gates.neurons, gates.width}) {
      expect_gradient(all, l);
    }
  }
}

TEST_F(GatedModel, CountsAreThoseOfTheModelThatIsLeft) {
  const at::NoGradGuard guard;
  const GateSet gates = drawn(0.5);
  const std::int64_t removed = model_.cost().params - gated_model(model_, gates).cost().params;
  const KeptUnits kept = kept_units(shape_, gates);
  std::int64_t norms = 0;  // of sub-layers that are gone
  for (std::size_t l = 0; l < kept.heads.size(); ++l) {
    norms += (kept.heads[l] == 0 ? 2 : 0) + (kept.neurons[l] == 0 ? 2 : 0);
  }
  EXPECT_EQ(removed,
            exact_parameters(shape_) - remaining_parameters(shape_, kept) + norms * shape_.width);
}

TEST(GateShape, NeedsLayersOfOneShapeWithHeadsOfTheirOwn) {
  EXPECT_THROW(static_cast<void>(gate_shape(load_golden("llama_gqa").spec())), DoesNotApply);
}

}  // namespace
}  // namespace assay::gates
