// Multiplexed encoders whose residual stream was scaled and cut, against a mask on the rows (the
// order of steps of PruMUX, Su et al. 2023, arXiv:2305.14706), written out here. Without layers:
// those are tried where the gates are.

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/einsum.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/nonzero.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/InferenceMode.h>
#include <gmock/gmock.h>

#include <cmath>

#include "harness/model/encoder_golden.h"
#include "harness/model/golden_cases.h"
#include "harness/model/slicing.h"
#include "harness/mux/mlp_demultiplexer.h"
#include "harness/mux/mux_input.h"
#include "harness/mux/mux_output.h"
#include "tests/support/formula.h"

namespace assay::mux {
namespace {

constexpr std::int64_t kInstances = 2, kGroups = 3, kLength = 5;

/// Its epsilon is that of norms inside.
NormBlock without_norm() {
  NormBlock norm;
  norm.eps = 1e-12;
  return norm;
}

class NarrowMux : public testing::TestWithParam<bool> {
 protected:
  Model model_ = without_layers();
  std::int64_t width_ = model_.spec().width;
  at::Tensor tokens_ = at::arange(kInstances * kGroups * kLength, at::kLong)
                           .mul(7)
                           .remainder(70)
                           .view({kInstances * kGroups, kLength});
  /// Half of the dimensions are closed, the others somewhere below 1.
  at::Tensor mask_ = formula(1, width_, 0, 1.3, 0.9)[0].clamp_min(0);
  at::Tensor kept_ = at::nonzero(mask_).view(-1);
  at::Tensor keys_ = formula(kInstances, width_, 1.7, 0.9, 1, 0.3);
  at::Tensor matrices_ =
      formula(kInstances * width_, width_, 1.1, 0.7, 0.2).view({kInstances, width_, width_});

  static Model without_layers() {
    Model model = Model::load(encoder_folder() / "bert_model", {});
    while (model.layer_count() > 0) model.drop_layer(0);
    return model;
  }
  /// The model with this demultiplexer, and the parameter's multiplexer.
  void multiplex(std::unique_ptr<Demultiplexer> demultiplexer) {
    std::unique_ptr<Multiplexer> multiplexer = std::make_unique<HadamardMultiplexer>(keys_);
    if (GetParam()) multiplexer = std::make_unique<OrthogonalMultiplexer>(matrices_);
    const auto embedding = dynamic_cast<const EmbeddingInput&>(model_.input());
    model_.replace_input(std::make_unique<MuxInput>(embedding, std::move(multiplexer), MuxForm{}));
    model_.replace_output(std::make_unique<MuxClassifier>(std::move(demultiplexer), std::nullopt),
                          {});
  }
  [[nodiscard]] at::Tensor table(Slot slot, bool bias = false) const {
    return whole_.parameter({-1, slot, bias});
  }
  /// Mask, norm over what is open, mask.
  [[nodiscard]] at::Tensor normed(const at::Tensor& rows) const {
    const auto part = [&](const at::Tensor& of) { return of.index_select(-1, kept_); };
    const at::Tensor open =
        at::layer_norm(part(rows * mask_), {kept_.size(0)}, part(table(Slot::kEmbeddingNorm)),
                       part(table(Slot::kEmbeddingNorm, true)), 1e-12);
    return at::zeros_like(rows).index_copy(-1, kept_, open * part(mask_));
  }
  [[nodiscard]] at::Tensor places() const {
    return table(Slot::kPositions).narrow(0, 0, kLength) + table(Slot::kTokenTypes)[0];
  }
  /// The mixed rows of each group's first token [kGroups, width].
  [[nodiscard]] at::Tensor mixed() const {
    const at::Tensor words = table(Slot::kEmbedding).index_select(0, tokens_.view(-1));
    const at::Tensor rows = normed(words.view({kGroups, kInstances, kLength, width_}) + places());
    const at::Tensor mixed = GetParam()
                                 ? at::einsum("gnlw,nwv->glv", {rows, matrices_}) / std::sqrt(2.0)
                                 : (rows * keys_.view({1, kInstances, 1, width_})).sum(1) / 2;
    return normed(mixed + places()).select(1, 0);
  }
  [[nodiscard]] at::Tensor narrow_scores() {
    scale_width(model_, mask_);
    keep_width(model_, kept_);
    EXPECT_EQ(model_.spec().width, kept_.size(0));
    return model_.sequence_logits(tokens_);
  }

 private:
  Model whole_ = without_layers();
};

TEST_P(NarrowMux, WithKeysBesideTheRowsIsTheMaskedOne) {
  const c10::InferenceMode inference;
  const at::Tensor keys = formula(kInstances, width_, 0.83, 0.41, 1, 0.7),
                   first = formula(width_, 2 * width_, 0.37, 0.11, 0.2),
                   last = formula(width_, width_, 0.29, 0.17, 0.2, 0.4);
  const at::Tensor bias = at::zeros({width_});
  multiplex(std::make_unique<IndexDemultiplexer>(IndexDemuxTensors{
      .keys = keys, .dense = {{first, bias}, {last, bias}}, .norm = without_norm()}));
  const at::Tensor rows = mixed();
  const at::Tensor found = narrow_scores();
  for (std::int64_t g = 0; g < kGroups; ++g) {
    for (std::int64_t i = 0; i < kInstances; ++i) {
      const at::Tensor a = at::gelu(at::linear(at::cat({keys[i] * mask_, rows[g]}), first));
      const at::Tensor expected = at::gelu(at::linear(a, last)) + a;
      EXPECT_LE(relative_error(found[g * kInstances + i], expected), 1e-5);
    }
  }
}

TEST_P(NarrowMux, WithPrivateNetworksIsTheMaskedOne) {
  const c10::InferenceMode inference;
  const at::Tensor weights = formula(kInstances * width_, width_, 0.37, 0.11, 0.2)
                                 .view({kInstances, width_, width_}),
                   last = formula(width_, width_, 0.29, 0.17, 0.2, 0.4);
  const at::Tensor none = at::zeros({kInstances, width_});
  multiplex(std::make_unique<MlpDemultiplexer>(MlpDemuxTensors{.weights = weights,
                                                               .biases = none,
                                                               .norm_scale = none + 1,
                                                               .norm_shift = none,
                                                               .shared = {last, at::Tensor()},
                                                               .norm = without_norm()}));
  const at::Tensor rows = mixed();
  const at::Tensor found = narrow_scores();
  for (std::int64_t g = 0; g < kGroups; ++g) {
    for (std::int64_t i = 0; i < kInstances; ++i) {
      const at::Tensor a =
          at::layer_norm(at::gelu(at::linear(rows[g], weights[i])), {width_}, {}, {}, 1e-12);
      EXPECT_LE(relative_error(found[g * kInstances + i], at::gelu(at::linear(a, last))), 1e-5);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Multiplexers, NarrowMux, testing::Values(false, true),
                         [](const auto& tested) { return tested.param ? "Matrices" : "Keys"; });

}  // namespace
}  // namespace assay::mux
