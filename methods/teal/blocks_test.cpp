// Whole blocks: against loops, against the standard block on masked rows, and what they leave.
#include "methods/teal/blocks.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "harness/base/cell_errors.h"
#include "harness/method/affine_ffn.h"
#include "harness/model/standard_attention.h"
#include "harness/model/standard_ffn.h"
#include "methods/teal/allocation.h"
#include "methods/teal/cats_ffn.h"
#include "methods/teal/teal_fixture.h"
#include "methods/teal/threshold.h"

namespace assay::teal {
namespace {

constexpr std::int64_t kWidth = 32, kNeurons = 80;
constexpr double kFirst = 0.5, kDown = 0.1;

/// A layer with random blocks; gated blocks have no biases, plain ones have.
Layer random_layer(bool gated, at::ScalarType dtype) {
  Layer layer;
  const bool biased = !gated;
  const auto square = [&] { return random_linear(kWidth, kWidth, biased, dtype); };
  layer.attention = std::make_unique<StandardAttention>(AttentionShape{4, 4, 8}, square(), square(),
                                                        square(), square());
  std::optional<DenseLinear> gate;
  if (gated) gate = random_linear(kNeurons, kWidth, false, dtype);
  layer.ffn = std::make_unique<StandardFfn>(gated ? ActivationKind::kSilu : ActivationKind::kRelu,
                                            gate, random_linear(kNeurons, kWidth, biased, dtype),
                                            random_linear(kWidth, kNeurons, biased, dtype));
  layer.fuse();
  return layer;
}

at::Tensor plain_silu(const at::Tensor& x) { return x / (1 + (-x).exp()); }

/// In f64 throughout.
at::Tensor naive_ffn(const Layer& layer, const at::Tensor& rows, bool gated) {
  const at::Tensor up = naive_product(rows, layer.dense(Slot::kUp), kFirst);
  const at::Tensor hidden =
      gated ? plain_silu(naive_product(rows, layer.dense(Slot::kGate), kFirst)) * up
            : up.clamp_min(0);
  return naive_product(hidden, layer.dense(Slot::kDown), kDown);
}

at::Tensor naive_cats(const Layer& layer, const at::Tensor& rows, double threshold) {
  at::Tensor gate = plain_silu(naive_product(rows, layer.dense(Slot::kGate), kNoThreshold));
  double* a = gate.mutable_data_ptr<double>();
  std::for_each(a, a + gate.numel(), [&](double& x) { x = std::abs(x) > threshold ? x : 0; });
  return naive_product(gate * naive_product(rows, layer.dense(Slot::kUp), kNoThreshold),
                       layer.dense(Slot::kDown), kNoThreshold);
}

class Blocks : public ::testing::TestWithParam<bool> {
 protected:
  Blocks() { at::manual_seed(12); }
  static bool gated() { return GetParam(); }
  const at::NoGradGuard as_in_the_worker_;
};

TEST_P(Blocks, FfnComputesWhatLoopsDoInEveryForm) {
  const Layer dense = random_layer(gated(), at::kFloat);
  Layer sparse = dense.clone();
  sparsify(sparse, 0, {{Place::kFfn, kFirst}, {Place::kDown, kDown}}, false);
  const at::Tensor x = at::randn({12, kWidth}), expected = naive_ffn(dense, x, gated());
  StepContext whole = scoring();
  EXPECT_LT(apart(sparse.ffn->forward(x, whole), expected), 2e-6);
  EXPECT_GT(apart(dense.ffn->forward(x, whole), expected), 1e-2) << "the thresholds do nothing";
  for (const std::int64_t batch : {1, 4}) {
    StepContext step = decoding(batch);
    EXPECT_LT(apart(sparse.ffn->forward(x.narrow(0, 5, batch), step), expected.narrow(0, 5, batch)),
              4e-6);
  }
}

TEST_P(Blocks, FormsAgreeInBf16) {
  Layer sparse = random_layer(gated(), at::kBFloat16);
  sparsify(sparse, 0, {{Place::kFfn, kFirst}, {Place::kDown, kDown}}, false);
  const at::Tensor x = at::randn({6, kWidth}).to(at::kBFloat16);
  StepContext whole = scoring(), one = decoding(1);
  const at::Tensor masked = sparse.ffn->forward(x, whole);
  for (std::int64_t i = 0; i < x.size(0); ++i) {
    EXPECT_LT(apart(sparse.ffn->forward(x.narrow(0, i, 1), one), masked.narrow(0, i, 1)), 2e-2);
  }
}

/// Entries at or below the threshold become 0, one after the other.
at::Tensor cut(const at::Tensor& rows, double threshold) {
  at::Tensor left = rows.clone();
  auto* value = left.mutable_data_ptr<float>();
  std::for_each(value, value + left.numel(),
                [&](float& x) { x = std::abs(x) > threshold ? x : 0; });
  return left;
}

TEST_P(Blocks, AttentionIsTheStandardOneOnCutInputs) {
  const Layer dense = random_layer(gated(), at::kFloat);
  const at::Tensor x = at::randn({10, kWidth});
  const auto& standard = static_cast<const StandardAttention&>(*dense.attention);
  StepContext step = scoring();
  step.tokens = 10;
  step.seen.causal = true;
  const at::Tensor qkv = standard.project(cut(x, kFirst));
  const at::Tensor expected =
      standard.combine(cut(standard.attend(qkv, standard.store(qkv, step), step), kDown));
  Layer sparse = dense.clone();
  sparsify(sparse, 0, {{Place::kQkv, kFirst}, {Place::kOut, kDown}}, false);
  EXPECT_LT(apart(sparse.attention->forward(x, step), expected), 2e-6);
  EXPECT_GT(apart(dense.attention->forward(x, step), expected), 1e-2);
}

TEST_P(Blocks, HoldTheirWeightsOnceAndAreCopiedWhole) {
  const Layer dense = random_layer(gated(), at::kFloat);
  Layer sparse = dense.clone();
  sparsify(sparse, 0,
           {{Place::kQkv, 1}, {Place::kOut, 1}, {Place::kFfn, kFirst}, {Place::kDown, kDown}},
           false);
  const std::int64_t bounds = 2 * 4 * (3 * kWidth + kNeurons);
  EXPECT_EQ(sparse.cost().resident_bytes, dense.cost().resident_bytes + bounds);
  EXPECT_EQ(sparse.cost().params, dense.cost().params);
  std::map<std::string, at::Tensor> names;
  sparse.visit_tensors([&](const std::string& name, at::Tensor& t) { names[name] = t; });
  EXPECT_TRUE(names.at("down.weight").equal(dense.dense(Slot::kDown).weight()));
  EXPECT_TRUE(names.contains("teal.qkv_low") && names.contains("teal.down_high"));
  const Layer twin = sparse.clone();
  const at::Tensor x = at::randn({3, kWidth});
  StepContext step = scoring();
  const at::Tensor before = twin.ffn->forward(x, step);
  sparse.dense(Slot::kUp).weight().zero_();
  EXPECT_TRUE(before.equal(twin.ffn->forward(x, step)));
  EXPECT_FALSE(before.equal(sparse.ffn->forward(x, step)));
}

TEST_P(Blocks, ReplacedOnesAreRefusedWithTheirPlace) {
  Layer layer = random_layer(gated(), at::kFloat);
  layer.ffn = make_affine_ffn(at::zeros({kWidth, kWidth}), at::zeros({kWidth}), at::zeros({0}));
  EXPECT_NO_THROW(require_dense_block(layer, 3, Place::kOut));
  try {
    sparsify(layer, 3, {{Place::kFfn, 1}, {Place::kDown, 1}}, false);
    FAIL() << "not refused";
  } catch (const DoesNotApply& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("layer 3"));
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, Blocks, ::testing::Bool(),
                         [](const auto& kind) { return kind.param ? "gated" : "plain"; });

class Cats : public ::testing::TestWithParam<at::ScalarType> {
 protected:
  Cats() : dense_((at::manual_seed(13), random_layer(true, GetParam()))), sparse_(dense_.clone()) {
    sparsify(sparse_, 0, {{Place::kGate, kThreshold}}, false);
  }
  static constexpr double kThreshold = 0.15;
  const at::NoGradGuard as_in_the_worker_;
  Layer dense_, sparse_;
};

TEST_P(Cats, ComputesTheNeuronsAboveTheThresholdInEveryForm) {
  const double tolerance = GetParam() == at::kFloat ? 2e-6 : 3e-2;
  const at::Tensor x = at::randn({9, kWidth}).to(GetParam());
  const at::Tensor expected = naive_cats(dense_, x, kThreshold);
  StepContext whole = scoring();
  EXPECT_LT(apart(sparse_.ffn->forward(x, whole), expected), tolerance);
  EXPECT_GT(apart(dense_.ffn->forward(x, whole), expected), 4e-2) << "the threshold does nothing";
  for (const std::int64_t batch : {1, 2, 6}) {
    StepContext step = decoding(batch);
    const at::Tensor y = sparse_.ffn->forward(x.narrow(0, 1, batch), step);
    EXPECT_EQ(y.scalar_type(), GetParam());
    EXPECT_LT(apart(y, expected.narrow(0, 1, batch)), 2 * tolerance) << batch;
  }
}

TEST_P(Cats, TellsTheNeuronsThatItReads) {
  const at::Tensor x = at::randn({2, kWidth}).to(GetParam());
  const at::Tensor gate = dense_.dense(Slot::kGate).forward(x).to(at::kDouble);
  const double neurons = naive_counts(plain_silu(gate).to(GetParam()), kThreshold)[1];
  const double element = GetParam() == at::kFloat ? 4 : 2;
  for (StepContext step : {scoring(), decoding(1)}) {
    Told told;
    step.observer = &told;
    const bool score = step.phase == Phase::kScore;
    (void)sparse_.ffn->forward(score ? x : x.narrow(0, 1, 1), step);
    EXPECT_NEAR(told.of(kNeuronShare, score ? 1 : 0) * kNeurons, neurons, 1.1) << "up to rounding";
    const double used = told.of(kNeuronShare, score ? 1 : 0) * kNeurons;
    EXPECT_NEAR(told.of(kTouchedBytes, score ? 1 : 0), used * 2 * kWidth * element, 1e-2);
    EXPECT_NEAR(told.of(kFlopsPerToken, score ? 1 : 0), used * 4 * kWidth, 1e-2);
  }
  EXPECT_EQ(sparse_.ffn->cost().touched_bytes,
            kWidth * kNeurons * static_cast<std::int64_t>(element) + 2 * 4 * kNeurons);
}

INSTANTIATE_TEST_SUITE_P(Types, Cats, ::testing::Values(at::kFloat, at::kBFloat16));

}  // namespace
}  // namespace assay::teal
