// Rules against plain loops.
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "harness/base/cell_errors.h"
#include "harness/compress/low_rank.h"
#include "harness/contextual/routed_ffn.h"
#include "harness/contextual/routed_fixture.h"
#include "harness/model/kernels/highest.h"
#include "methods/contextual/controls.h"
#include "methods/contextual/estimates.h"

namespace assay {
void register_contextual(MethodRegistry& registry);

namespace contextual {
namespace {

constexpr std::int64_t kLength = 12;

const Method& method() { return sole_method(register_contextual); }

/// Keeps what the down matrix of each layer gets.
class DownInputs final : public ActivationRecorder {
 public:
  void record(std::int64_t layer, Tap tap, const at::Tensor& rows, const StepContext&) override {
    if (tap == Tap::kDownInput) seen[layer] = rows.clone();
  }
  std::map<std::int64_t, at::Tensor> seen;
};

class ContextualTest : public ::testing::TestWithParam<TinyFamily> {
 protected:
  ContextualTest() {
    at::manual_seed(3);
    write_tiny_model(place_.scratch() / "model", GetParam(), 8);
    model_.emplace(Model::load(place_.scratch() / "model", LoadOptions{}));
    text_ = at::randint(0, kTinyVocab, {2, kLength}, at::kLong);
  }
  Model applied(const Json& given, std::uint64_t seed = 0) {
    RecordingContext context({}, seed, {});
    Model changed = model_->clone();
    method().apply(changed, method().fit(*model_, context, {method().info().params, given}));
    return changed;
  }

  const at::NoGradGuard as_in_the_worker_;
  RecordingContext place_{{}, 0, {}};
  std::optional<Model> model_;
  at::Tensor text_;
};

TEST_P(ContextualTest, EverythingIsTheDenseModelBitForBit) {
  const Model model = applied({{"ffn_density", 1.0}, {"head_density", 1.0}});
  EXPECT_TRUE(scored(model, text_).equal(scored(*model_, text_)));
}

TEST_P(ContextualTest, ChoosingAloneChangesNothing) {
  const Json chosen = {{"by", "random"}, {"ffn_density", 0.25}, {"head_density", 0.5}};
  Json all = chosen;
  all["execute"] = "all";
  EXPECT_TRUE(scored(applied(all), text_).equal(scored(*model_, text_)));
  EXPECT_FALSE(scored(applied(chosen), text_).equal(scored(*model_, text_)));
}

/// bool [n]: the `count` of largest magnitude, found one by one.
std::vector<bool> naive_largest(const at::Tensor& row, std::int64_t count) {
  const float* values = row.const_data_ptr<float>();
  std::vector<bool> kept(static_cast<std::size_t>(row.size(0)), false);
  for (std::int64_t n = 0; n < count; ++n) {
    std::size_t best = kept.size();
    for (std::size_t j = 0; j < kept.size(); ++j) {
      if (kept[j]) continue;
      if (best == kept.size() || std::abs(values[j]) > std::abs(values[best])) best = j;
    }
    kept[best] = true;
  }
  return kept;
}

TEST_P(ContextualTest, TheOracleKeepsTheLargestOfEachToken) {
  const Model model = applied({{"by", "oracle"}, {"ffn_density", 0.25}});
  DownInputs dense, kept;
  (void)model_->hidden(text_, &dense);
  (void)model.hidden(text_, &kept);
  EXPECT_TRUE(kept.seen[0].equal(dense.seen[0])) << "the first layer runs whole";
  const at::Tensor& all = dense.seen[1];  // of a layer whose input is the same in both
  for (std::int64_t r = 0; r < all.size(0); ++r) {
    const std::vector<bool> naive = naive_largest(all[r].contiguous(), all.size(1) / 4);
    for (std::int64_t j = 0; j < all.size(1); ++j) {
      const float expected = naive[static_cast<std::size_t>(j)] ? all[r][j].item<float>() : 0.0F;
      ASSERT_FLOAT_EQ(kept.seen[1][r][j].item<float>(), expected) << r << ", " << j;
    }
  }
}

TEST_P(ContextualTest, WhatIsDecodedIsWhatWasScored) {
  for (const Json& given :
       std::vector<Json>{{{"by", "random"}, {"head_density", 0.5}, {"ffn_density", 0.25}},
                         {{"by", "oracle"}, {"head_density", 0.5}, {"ffn_density", 0.25}},
                         {{"by", "svd"}, {"rank", 16}},
                         {{"by", "sign"}, {"dense_first_layer", false}}}) {
    const Model model = applied(given);
    EXPECT_LT(apart(decoded(model, text_, 4), scored(model, text_)), 1e-5) << given.dump();
    EXPECT_GT(apart(scored(model, text_), scored(*model_, text_)), 1e-3) << "changes nothing";
  }
}

TEST_P(ContextualTest, LotsAreThoseOfSeedPositionAndLayer) {
  const at::Tensor once = scored(applied({{"by", "random"}}, 3), text_);
  EXPECT_TRUE(once.equal(scored(applied({{"by", "random"}}, 3), text_)));
  EXPECT_FALSE(once.equal(scored(applied({{"by", "random"}}, 4), text_)));
}

TEST_P(ContextualTest, AStaticChoiceIsTheBestOfTheSummedCriterion) {
  const at::Tensor texts = at::randint(0, kTinyVocab, {4, 10}, at::kLong);
  const Params params(method().info().params, {{"by", "static"},
                                               {"criterion", "l2_norm_post"},
                                               {"ffn_density", 0.25},
                                               {"head_density", 0.5}});
  RecordingContext context(texts, 0, {});
  const Artefact artefact = method().fit(*model_, context, params);
  at::Tensor sums;  // over sequences, of the norm over tokens of what down gets
  for (std::int64_t i = 0; i < texts.size(0); ++i) {
    DownInputs pass;
    (void)model_->hidden(texts.narrow(0, i, 1), &pass);
    const at::Tensor norms = pass.seen[1].square().sum(0).sqrt();
    sums = sums.defined() ? sums.add(norms) : norms;
  }
  EXPECT_LT(apart(artefact.tensors.at("layer.1.neurons"), sums), 1e-5);
  const at::Tensor best = highest(sums.unsqueeze(0), 16)[0];
  Model changed = model_->clone();
  method().apply(changed, artefact);
  DownInputs kept;
  (void)changed.hidden(text_, &kept);
  const at::Tensor used = kept.seen[1].abs().sum(0).gt(0);
  EXPECT_FALSE(used.logical_and(best.logical_not()).any().item<bool>());
}

TEST_P(ContextualTest, EverySizeIsChosenFromTheSameScores) {
  // The stage that looks at data and weights reads nothing that an axis over densities changes.
  const StageInfo scores = method().info().stages.front();
  EXPECT_TRUE(scores.calibration);
  for (const char* size : {"ffn_density", "head_density", "dense_first_layer"}) {
    EXPECT_EQ(std::count(scores.params.begin(), scores.params.end(), size), 0) << size;
  }
}

TEST_P(ContextualTest, RulesThatKnowNeuronsOnlyRefuseHeads) {
  const auto problems = [&](const Json& given) {
    return method().unmet(model_->spec(), {method().info().params, given});
  };
  EXPECT_TRUE(problems({{"by", "svd"}, {"rank", 32}}).empty());
  EXPECT_EQ(problems({{"by", "svd"}, {"rank", 32}, {"head_density", 0.5}}).size(), 1u);
  EXPECT_EQ(problems({{"by", "sign"}, {"head_density", 0.5}}).size(), 1u);
  EXPECT_EQ(problems({{"by", "svd"}, {"rank", 33}}).size(), 1u) << "wider than the model";
  EXPECT_TRUE(problems({{"by", "oracle"}, {"rank", 64}}).empty()) << "nobody reads the rank";
  EXPECT_TRUE(problems({{"by", "oracle"}, {"head_density", 0.5}}).empty());
}

TEST_P(ContextualTest, DensitiesOutsideTheRangeAreRefused) {
  for (const double density : {0.0, -0.1, 1.1}) {
    EXPECT_THROW((void)Params(method().info().params, {{"ffn_density", density}}), UserError);
  }
}

INSTANTIATE_TEST_SUITE_P(Families, ContextualTest,
                         ::testing::Values(TinyFamily::kLlama, TinyFamily::kOpt));

/// A step at these positions, with nothing else.
StepContext step_at(std::int64_t rows, std::int64_t layer) {
  StepContext step;
  step.tokens = rows;
  step.layer = layer;
  step.positions = at::arange(rows, at::kLong);
  return step;
}

TEST(Lottery, DrawsEveryUnitAboutEquallyOften) {
  constexpr std::int64_t kRows = 4000, kUnits = 20, kCount = 5;
  const Lottery lots(kCount, kUnits, 7, RoutingSite::kNeurons);
  const at::Tensor masks = lots.choose({{}, {}}, step_at(kRows, 2));
  EXPECT_TRUE(masks.sum(1).eq(kCount).all().item<bool>());
  // Binomial with a standard deviation of 27.
  const at::Tensor times = masks.sum(0).sub(kRows * kCount / kUnits).abs();
  EXPECT_LT(times.max().item<std::int64_t>(), 140);
  EXPECT_FALSE(masks.equal(lots.choose({{}, {}}, step_at(kRows, 3)))) << "as in another layer";
  const Lottery heads(kCount, kUnits, 7, RoutingSite::kHeads);
  EXPECT_FALSE(masks.equal(heads.choose({{}, {}}, step_at(kRows, 2)))) << "as of heads";
}

ThinMatrix whole(const at::Tensor& weight, const at::Tensor& bias) {
  const LowRank thin = svd_plain(weight, std::min(weight.size(0), weight.size(1)));
  return {thin.left, thin.right, bias};
}

TEST(SvdEstimate, OfFullRankFindsTheLargestPreActivations) {
  const at::Tensor up = at::randn({24, 10}), bias = at::randn({24}), rows = at::randn({9, 10});
  const SvdEstimate estimate(6, ActivationKind::kRelu, {}, whole(up, bias));
  const at::Tensor expected = highest(rows.matmul(up.t()).add(bias), 6);
  EXPECT_TRUE(estimate.choose({rows, {}}, {}).equal(expected));
}

TEST(SvdEstimate, OfAGatedBlockFindsTheLargestProducts) {
  const at::Tensor gate = at::randn({24, 10}), up = at::randn({24, 10}), rows = at::randn({9, 10});
  const SvdEstimate estimate(6, ActivationKind::kSilu, whole(gate, {}), whole(up, {}));
  const at::Tensor g = rows.matmul(gate.t());
  const at::Tensor expected = highest(g.mul(g.sigmoid()).mul(rows.matmul(up.t())).abs(), 6);
  EXPECT_TRUE(estimate.choose({rows, {}}, {}).equal(expected));
}

TEST(SignEstimate, CountsSignsThatAgree) {
  constexpr std::int64_t kNeurons = 12, kWidth = 40, kCount = 4;
  at::Tensor weight = at::randn({kNeurons, kWidth}), rows = at::randn({3, kWidth});
  weight[2][5] = 0;
  rows[1][7] = 0;
  const SignEstimate estimate(kCount, PackedLinear(signs_of(weight), {}));
  const at::Tensor found = estimate.choose({rows, {}}, {});
  for (std::int64_t r = 0; r < 3; ++r) {
    std::vector<std::pair<int, std::int64_t>> order;  // less agreement, neuron
    for (std::int64_t n = 0; n < kNeurons; ++n) {
      int agreement = 0;
      for (std::int64_t c = 0; c < kWidth; ++c) {
        const float product = weight[n][c].item<float>() * rows[r][c].item<float>();
        agreement += (product > 0) - (product < 0);
      }
      order.emplace_back(-agreement, n);
    }
    std::sort(order.begin(), order.end());
    for (std::int64_t i = 0; i < kNeurons; ++i) {
      EXPECT_EQ(found[r][order[static_cast<std::size_t>(i)].second].item<bool>(), i < kCount);
    }
  }
}

TEST(ReluOracle, LeavingOutWhatTheReluStoppedChangesNoBit) {
  const at::Tensor up = at::randn({64, 16}), down = at::randn({16, 64}), rows = at::randn({5, 16});
  const auto block = [&](std::int64_t count) {
    auto dense = std::make_unique<StandardFfn>(ActivationKind::kRelu, std::nullopt,
                                               DenseLinear(up, {}), DenseLinear(down, {}));
    return RoutedFfn(std::move(dense), std::make_unique<Oracle>(count, 1), {});
  };
  const at::NoGradGuard as_in_the_worker;
  StepContext step = step_at(5, 1);
  const auto most = rows.matmul(up.t()).gt(0).sum(1).max().item<std::int64_t>();
  ASSERT_LT(most, 64);
  EXPECT_TRUE(block(most).forward(rows, step).equal(block(64).forward(rows, step)));
  EXPECT_FALSE(block(most / 2).forward(rows, step).equal(block(64).forward(rows, step)));
}

}  // namespace
}  // namespace contextual
}  // namespace assay
