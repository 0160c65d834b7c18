#include "harness/method/layerwise.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/stack.h>
#include <c10/core/InferenceMode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "harness/base/errors.h"
#include "harness/method/masks.h"
#include "harness/method/recording_context.h"
#include "harness/method/tiny_model.h"

namespace assay {
namespace {

constexpr std::int64_t kSequences = 7;
constexpr std::int64_t kTokens = 16;

TEST(InputStatistics, StreamingEqualsOneShot) {
  const at::Tensor x = at::randn({kSequences * kTokens, 24}).mul(3).add(1);
  InputStatistics streamed;
  for (std::int64_t first = 0; first < kSequences; first += 3) {
    const std::int64_t count = std::min<std::int64_t>(3, kSequences - first);
    streamed.add(x.narrow(0, first * kTokens, count * kTokens), count, true);
  }
  const at::Tensor wide = x.to(at::kDouble);
  const at::Tensor norm = wide.square().sum(0).div(kSequences);
  const at::Tensor gram = wide.t().matmul(wide).div(kSequences);
  EXPECT_TRUE(at::allclose(streamed.square_norm().to(at::kDouble), norm, 1e-5, 0));
  EXPECT_LT((streamed.gram().to(at::kDouble) - gram).abs().max().item<double>(),
            1e-5 * gram.abs().max().item<double>());
}

TEST(InputStatistics, GramOnlyWhenAskedFor) {
  InputStatistics statistics;
  statistics.add(at::randn({4, 3}), 1, false);
  EXPECT_FALSE(statistics.gram().defined());
}

TEST(LayerStatistics, LinearsWithOneInputShareItAndOthersAreMissing) {
  LayerStatistics statistics(false);
  StepContext step;
  step.batch = 2;
  statistics.record(0, Tap::kFfnInput, at::ones({6, 3}), step);
  EXPECT_EQ(&statistics.input_of(Slot::kGate), &statistics.input_of(Slot::kUp));
  EXPECT_EQ(statistics.input_of(Slot::kUp).square_norm()[0].item<float>(), 3.0F);
  EXPECT_THROW(static_cast<void>(statistics.input_of(Slot::kQ)), std::logic_error);
}

class Driver : public ::testing::TestWithParam<TinyFamily> {
 protected:
  Driver() {
    write_tiny_model(place_.scratch() / "m", GetParam(), 3);
    model_ = std::make_unique<Model>(Model::load(place_.scratch() / "m", LoadOptions{}));
    tokens_ = at::randint(0, kTinyVocab, {kSequences, kTokens}, at::kLong);
  }
  RecordingContext place_{{}, 0, {}};
  std::unique_ptr<Model> model_;
  at::Tensor tokens_;
};

/// Every tap of one whole pass, as the model itself reports it.
class WholePass final : public ActivationRecorder {
 public:
  void record(std::int64_t layer, Tap tap, const at::Tensor& rows, const StepContext&) override {
    rows_[{layer, tap}] = rows.clone();
  }
  [[nodiscard]] at::Tensor square_norm(std::int64_t layer, Slot slot) const {
    return rows_.at({layer, input_tap(slot)}).square().sum(0).div(kSequences);
  }

 private:
  std::map<std::pair<std::int64_t, Tap>, at::Tensor> rows_;
};

TEST_P(Driver, WithNothingPrunedSeesWhatAWholePassSees) {
  WholePass whole;
  static_cast<void>(model_->hidden(tokens_, &whole));
  for (const CalibrateOn calibrate_on : {CalibrateOn::kCompressed, CalibrateOn::kDense}) {
    RecordingContext context(tokens_, 0, {});
    std::int64_t matrices = 0;
    prune_layer_by_layer(
        *model_, context, {calibrate_on, false, 3 * kTokens},
        [&](std::int64_t index, const Layer& layer, const LayerStatistics& inputs) {
          for (const Slot slot : layer.slots()) {
            EXPECT_TRUE(at::allclose(inputs.input_of(slot).square_norm(),
                                     whole.square_norm(index, slot), 1e-4, 1e-5))
                << index << slot_name(slot);
            ++matrices;
          }
        });
    EXPECT_EQ(matrices, 3 * (GetParam() == TinyFamily::kLlama ? 7 : 6));
    EXPECT_EQ(context.steps.back().first, context.steps.back().second);
    EXPECT_EQ(static_cast<std::int64_t>(context.steps.size()) - 1, context.steps.back().second);
  }
}

class Mixture : public ::testing::Test {
 protected:
  Mixture() {
    write_tiny_model(place_.scratch() / "m", TinyFamily::kQwen3Moe, 3);
    model_ = std::make_unique<Model>(Model::load(place_.scratch() / "m", LoadOptions{}));
  }
  RecordingContext place_{{}, 0, {}};
  std::unique_ptr<Model> model_;
};

/// Of each expert, the rows for which it is one of the two with the highest scores; token by token.
std::map<std::int64_t, std::vector<at::Tensor>> rows_by_expert(const at::Tensor& router,
                                                               const at::Tensor& rows) {
  std::map<std::int64_t, std::vector<at::Tensor>> taken;
  for (std::int64_t r = 0; r < rows.size(0); ++r) {
    std::vector<std::pair<double, std::int64_t>> scores;
    for (std::int64_t e = 0; e < router.size(0); ++e) {
      scores.emplace_back(router[e].mul(rows[r]).sum().item<double>(), e);
    }
    std::sort(scores.rbegin(), scores.rend());
    for (std::size_t i = 0; i < 2; ++i) taken[scores[i].second].push_back(rows[r]);
  }
  return taken;
}

/// The layer's input of its feed-forward block, of all rows.
class FfnInput final : public ActivationRecorder {
 public:
  void record(std::int64_t layer, Tap tap, const at::Tensor& rows,
              const StepContext& step) override {
    if (layer == 0 && tap == Tap::kFfnInput && step.expert < 0) rows_ = rows.clone();
  }
  at::Tensor rows_;
};

TEST_F(Mixture, StatisticsAreOfTheTokensThatTakeTheExpert) {
  const at::Tensor tokens = at::randint(0, kTinyVocab, {kSequences, kTokens}, at::kLong);
  FfnInput whole;
  static_cast<void>(model_->hidden(tokens, &whole));
  const Layer& first = model_->layers()[0];
  const auto taken = rows_by_expert(first.dense(Slot::kRouter).weight(), whole.rows_);
  ASSERT_EQ(taken.size(), 4U);
  RecordingContext context(tokens, 0, {});
  std::int64_t compared = 0;
  prune_layer_by_layer(
      *model_, context, {CalibrateOn::kDense, true, 3 * kTokens},
      [&](std::int64_t index, const Layer& layer, const LayerStatistics& inputs) {
        EXPECT_TRUE(inputs.idle_experts().empty());
        for (const auto& [expert, rows] : taken) {
          if (index != 0) continue;
          const at::Tensor x = at::stack(rows).to(at::kDouble);
          const auto product = [&](Slot slot) {
            return x.matmul(layer.dense({slot, expert}).weight().to(at::kDouble).t());
          };
          const at::Tensor gate = product(Slot::kGate);
          const at::Tensor middle = gate.mul(gate.sigmoid()).mul(product(Slot::kUp));
          for (const auto& [slot, input] : {std::pair(Slot::kUp, x), {Slot::kDown, middle}}) {
            const InputStatistics& found = inputs.input_of({slot, expert});
            EXPECT_EQ(found.rows(), std::ssize(rows));
            EXPECT_TRUE(at::allclose(found.square_norm().to(at::kDouble),
                                     input.square().sum(0).div(kSequences), 1e-4, 1e-6));
            EXPECT_TRUE(at::allclose(found.gram().to(at::kDouble),
                                     input.t().matmul(input).div(kSequences), 1e-4, 1e-4));
            ++compared;
          }
          EXPECT_EQ(&inputs.input_of({Slot::kGate, expert}), &inputs.input_of({Slot::kUp, expert}));
        }
      });
  EXPECT_EQ(compared, 4 * 2);
  EXPECT_TRUE(context.warnings.empty());
}

// One token takes two of the four experts.
TEST_F(Mixture, ExpertsThatNoTokenTookAreSaid) {
  const at::Tensor tokens = at::randint(0, kTinyVocab, {1, 1}, at::kLong);
  RecordingContext context(tokens, 0, {});
  prune_layer_by_layer(
      *model_, context, {CalibrateOn::kDense, true, kTokens},
      [&](std::int64_t index, const Layer&, const LayerStatistics& inputs) {
        EXPECT_EQ(inputs.idle_experts().size(), index == 1 ? 0U : 2U);
        for (const std::int64_t expert : inputs.idle_experts()) {
          EXPECT_EQ(inputs.input_of({Slot::kDown, expert}).square_norm().abs().max().item<float>(),
                    0.0F);
          EXPECT_EQ(inputs.input_of({Slot::kUp, expert}).gram().abs().max().item<float>(), 0.0F);
        }
      });
  ASSERT_EQ(context.warnings.size(), 2U);
  EXPECT_EQ(context.warnings[0].first, "idle_experts");
  EXPECT_THAT(context.warnings[0].second, testing::HasSubstr("layer 0: no calibration token took"));
}

/// Zeroes the down matrix of layer 0, and returns what layer 1 then sees.
at::Tensor seen_by_layer_one(const Model& model, const at::Tensor& tokens,
                             CalibrateOn calibrate_on) {
  RecordingContext context(tokens, 0, {});
  at::Tensor seen;
  prune_layer_by_layer(model, context, {calibrate_on, false, 4096},
                       [&](std::int64_t index, const Layer& layer, const LayerStatistics& inputs) {
                         if (index == 0) layer.dense(Slot::kDown).weight().zero_();
                         if (index == 1) seen = inputs.input_of(Slot::kQ).square_norm();
                       });
  return seen;
}

TEST_P(Driver, PropagatesThroughPrunedOrDenseLayersAndLeavesTheModelAlone) {
  const at::Tensor before = model_->hidden(tokens_).clone();
  WholePass dense, pruned;
  static_cast<void>(model_->hidden(tokens_, &dense));
  Model changed = model_->clone();
  {
    const c10::InferenceMode inference;
    changed.layers()[0].dense(Slot::kDown).weight().zero_();
    static_cast<void>(changed.hidden(tokens_, &pruned));
  }
  EXPECT_TRUE(at::allclose(seen_by_layer_one(*model_, tokens_, CalibrateOn::kDense),
                           dense.square_norm(1, Slot::kQ), 1e-4, 1e-5));
  EXPECT_TRUE(at::allclose(seen_by_layer_one(*model_, tokens_, CalibrateOn::kCompressed),
                           pruned.square_norm(1, Slot::kQ), 1e-4, 1e-5));
  EXPECT_FALSE(
      at::allclose(dense.square_norm(1, Slot::kQ), pruned.square_norm(1, Slot::kQ), 1e-2, 1e-2));
  EXPECT_TRUE(at::equal(model_->hidden(tokens_), before));
}

TEST_P(Driver, ShowsTheRowsOnBothSidesOfALayer) {
  RecordingContext context(tokens_, 0, {});
  at::Tensor rows = model_->embed(tokens_);
  const WalkOptions options{CalibrateOn::kDense, 1, 3 * kTokens};
  for_each_layer(*model_, context, options, [&](LayerVisit& visit) -> std::optional<Layer> {
    const at::Tensor expected = model_->run_layer(visit.layer(), visit.index(), rows, kSequences);
    visit.observe([&](const RowsAround& around) {
      const std::int64_t at = around.first * kTokens, count = around.sequences * kTokens;
      EXPECT_TRUE(at::allclose(around.before, rows.narrow(0, at, count), 1e-4, 1e-5));
      EXPECT_TRUE(at::allclose(around.after, expected.narrow(0, at, count), 1e-4, 1e-5));
    });
    rows = expected;
    return std::nullopt;
  });
  EXPECT_TRUE(at::allclose(model_->finish(rows), model_->hidden(tokens_), 1e-4, 1e-5));
}

TEST_P(Driver, LeavesOutLayersThatItShallNotVisit) {
  const std::int64_t last = model_->layer_count() - 1;
  const at::Tensor first = model_->run_layer(model_->layers()[0], 0, model_->embed(tokens_), 7);
  for (const CalibrateOn calibrate_on : {CalibrateOn::kCompressed, CalibrateOn::kDense}) {
    RecordingContext context(tokens_, 0, {});
    std::vector<std::int64_t> visited;
    const WalkOptions options{calibrate_on, 1, 4096, {1}};
    for_each_layer(*model_, context, options, [&](LayerVisit& visit) -> std::optional<Layer> {
      visited.push_back(visit.index());
      visit.observe([&](const RowsAround& around) {
        if (visit.index() != last) return;
        EXPECT_TRUE(at::allclose(around.before, first, 1e-4, 1e-5));
      });
      return std::nullopt;
    });
    EXPECT_THAT(visited, ::testing::ElementsAre(0, last));
    EXPECT_EQ(context.steps.back().first, context.steps.back().second);
    EXPECT_EQ(static_cast<std::int64_t>(context.steps.size()) - 1, context.steps.back().second);
  }
}

TEST_P(Driver, ACancelStopsIt) {
  RecordingContext context(tokens_, 0, {});
  context.interrupt_at = 1;
  EXPECT_THROW(prune_layer_by_layer(*model_, context, {CalibrateOn::kCompressed, false, kTokens},
                                    [](std::int64_t, const Layer&, const LayerStatistics&) {}),
               Interrupted);
}

INSTANTIATE_TEST_SUITE_P(Tiny, Driver, ::testing::Values(TinyFamily::kLlama, TinyFamily::kOpt));

}  // namespace
}  // namespace assay
