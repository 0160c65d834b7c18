// The method on small models: fits, paths, prompts, accounting, bad settings.
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/randint.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <utility>

#include "harness/base/cell_errors.h"
#include "harness/method/recording_context.h"
#include "harness/method/tiny_model.h"
#include "harness/model/standard_attention.h"
#include "harness/model/standard_ffn.h"
#include "methods/teal/allocation.h"
#include "methods/teal/blocks.h"
#include "methods/teal/fit.h"
#include "methods/teal/sparse_input.h"
#include "methods/teal/teal_fixture.h"

namespace assay {
void register_teal(MethodRegistry& registry);

namespace teal {
namespace {

using ::testing::HasSubstr;

constexpr std::int64_t kPrompt = 9, kLength = 16;
constexpr double kTolerance = 1e-5;

const Method& method() { return sole_method(register_teal); }

Params params(const Json& given) { return {method().info().params, given}; }

/// Keeps what a whole pass decided, and gives it to a pass that goes token by token.
class Decisions final : public RoutingHook {
 public:
  at::Tensor settle(const StepContext& step, RoutingSite site, const at::Tensor& found) override {
    at::Tensor& known = seen[{step.layer, site}];
    if (!known.defined()) {
      known = found.clone().view({step.batch, step.tokens, -1});
      return found;
    }
    const std::int64_t first = step.positions[0].item<std::int64_t>();
    const at::Tensor wanted = known.narrow(1, first, step.tokens).reshape(found.sizes());
    changed += wanted.ne(found).sum().item<std::int64_t>();
    asked += found.numel();
    return wanted;
  }
  std::map<std::pair<std::int64_t, RoutingSite>, at::Tensor> seen;
  std::int64_t changed = 0, asked = 0;
};

class TealTest : public ::testing::TestWithParam<TinyFamily> {
 protected:
  TealTest() {
    write_tiny_model(place_.scratch() / "model", GetParam(), 5);
    model_.emplace(Model::load(place_.scratch() / "model", LoadOptions{}));
    calibration_ = at::randint(0, model_->spec().vocab, {8, 24}, at::kLong);
  }
  Artefact fitted(const Json& given) {
    metrics_.clear();
    RecordingContext context(calibration_, 0, {});
    Artefact artefact = method().fit(*model_, context, params(given));
    metrics_ = context.metrics;
    return artefact;
  }
  Model applied(const Json& given) {
    Model changed = model_->clone();
    method().apply(changed, fitted(given));
    return changed;
  }
  [[nodiscard]] at::Tensor tokens(std::int64_t batch) const {
    return at::randint(0, model_->spec().vocab, {batch, kLength}, at::kLong);
  }
  /// [batch * length, width], `first` tokens as a prompt and the others one by one.
  static at::Tensor decoded(const Model& model, const at::Tensor& tokens, std::int64_t first) {
    KvCache cache(model.spec(), tokens.size(0), kLength, model.dtype(), model.device());
    std::vector<at::Tensor> rows;
    for (std::int64_t t = 0; t < kLength; t += t == 0 ? first : 1) {
      const std::int64_t count = t == 0 ? first : 1;
      rows.push_back(model.hidden_step(tokens.narrow(1, t, count).contiguous(), cache)
                         .view({tokens.size(0), count, -1}));
    }
    return at::cat(rows, 1).flatten(0, 1);
  }

  const at::NoGradGuard as_in_the_worker_;
  RecordingContext place_{{}, 0, {}};
  std::optional<Model> model_;
  at::Tensor calibration_;
  std::map<std::string, double> metrics_;
};

TEST_P(TealTest, DecodingComputesWhatScoringDoes) {
  for (const char* prompt : {"sparse", "dense"}) {
    for (const std::int64_t first : {std::int64_t{1}, kPrompt}) {
      Model model = applied({{"sparsity", 0.5}, {"prompt", prompt}});
      for (const std::int64_t batch : {1, 3}) {
        const at::Tensor text = tokens(batch);
        Decisions decisions;
        model.route_with(&decisions);
        const at::Tensor scored = model.hidden(text, nullptr, first);
        EXPECT_LT(apart(decoded(model, text, first), scored), kTolerance) << prompt << batch;
        model.route_with(nullptr);
        EXPECT_EQ(decisions.seen.size(), static_cast<std::size_t>(4 * model.layer_count()));
        EXPECT_GT(decisions.asked, 0);
        EXPECT_LT(decisions.changed, decisions.asked / 1000 + 1);
        EXPECT_GT(apart(model_->hidden(text), scored), 1e-2) << "changes nothing";
      }
    }
  }
}

TEST_P(TealTest, SettledDecisionsAreObeyedWhereRowsAreGathered) {
  Model model = applied({{"sparsity", 0.5}});
  class Everything final : public RoutingHook {
   public:
    at::Tensor settle(const StepContext&, RoutingSite, const at::Tensor& found) override {
      return at::ones_like(found);
    }
  } everything;
  model.route_with(&everything);
  for (const std::int64_t batch : {1, 2}) {
    const at::Tensor text = tokens(batch);
    EXPECT_LT(apart(decoded(model, text, 4), model_->hidden(text)), kTolerance);
  }
}

TEST_P(TealTest, ADensePromptIsThatOfTheUnchangedModel) {
  const Model model = applied({{"sparsity", 0.6}, {"prompt", "dense"}});
  const at::Tensor text = tokens(2);
  const auto split = [&](const at::Tensor& hidden) { return hidden.view({2, kLength, -1}); };
  const at::Tensor dense = split(model_->hidden(text));
  const at::Tensor scored = split(model.hidden(text, nullptr, kPrompt));
  EXPECT_LT(apart(scored.slice(1, 0, kPrompt), dense.slice(1, 0, kPrompt)), kTolerance);
  EXPECT_GT(apart(scored.slice(1, kPrompt), dense.slice(1, kPrompt)), 1e-2);
  // Without a prompt everything follows: as if the policy were the other one.
  const Model sparse = applied({{"sparsity", 0.6}});
  EXPECT_TRUE(model.hidden(text).equal(sparse.hidden(text)));
}

/// The inputs of the first layer's matrices, before their thresholds.
class FirstInputs final : public ActivationRecorder {
 public:
  void record(std::int64_t layer, Tap tap, const at::Tensor& rows, const StepContext&) override {
    if (layer == 0) seen[tap] = rows.clone();
  }
  std::map<Tap, at::Tensor> seen;
};

TEST_P(TealTest, UniformThresholdsAreQuantilesOfTheDenseInputs) {
  const Artefact artefact = fitted({{"sparsity", 0.5}});
  FirstInputs inputs;
  (void)model_->hidden(calibration_, &inputs);
  const Tap taps[] = {Tap::kQkvInput, Tap::kOutInput, Tap::kFfnInput, Tap::kDownInput};
  const at::Tensor& thresholds = artefact.tensors.at("layer.0.thresholds");
  ASSERT_EQ(thresholds.numel(), 4);
  for (std::size_t i = 0; i < 4; ++i) {
    const at::Tensor& rows = inputs.seen.at(taps[i]);
    const double threshold = thresholds[static_cast<std::int64_t>(i)].item<double>();
    double used = 0;
    for (const double count : naive_counts(rows, threshold)) used += count;
    const double dropped = 1 - used / static_cast<double>(rows.numel());
    const char* names[] = {"qkv", "o", "ffn", "down"};
    const double planned = metrics_.at(std::string("planned_input_sparsity/layer.0.") + names[i]);
    EXPECT_NEAR(planned, dropped, 0.002);
    // Of what a ReLU gives half is zero anyhow.
    if (taps[i] == Tap::kDownInput && !model_->spec().ffn_gated) continue;
    EXPECT_NEAR(dropped, 0.5, 0.002);
  }
}

TEST_P(TealTest, ToldDensityIsNearWhatWasAskedOnTheCalibrationText) {
  Model model = applied({{"sparsity", 0.4}, {"blocks", "attention"}});
  Told told;
  model.watch(&told);
  (void)model.hidden(calibration_);
  model.watch(nullptr);
  // Two inputs a layer; later ones see what the thresholds before them left.
  const double parts = 2.0 * static_cast<double>(model.layer_count());
  const double share = told.sums.at(kInputShare.name).mean().item<double>() / parts;
  EXPECT_NEAR(share, 0.6, 0.05);
  EXPECT_NE(share, 0.6) << "what was asked is not what happened";
}

TEST_P(TealTest, TouchedBytesAreThoseOfTheSurvivingInputs) {
  Model model = applied({{"sparsity", 0.5}});
  Told told;
  model.watch(&told);
  FirstInputs inputs;
  const at::Tensor text = tokens(1);
  (void)model.hidden(text, &inputs);
  model.watch(nullptr);
  EXPECT_EQ(told.times.at(kTouchedBytes.name), 4 * model.layer_count());
  const Cost dense = model_->cost(), sparse = model.cost();
  std::int64_t weights = 0, bounds = 0;
  for (const Layer& layer : model_->layers()) {
    for (const Slot slot : layer.slots()) {
      weights += static_cast<std::int64_t>(layer.dense(slot).weight().nbytes());
    }
    bounds += 2 * 4 * (3 * model_->spec().width + model_->spec().shape.ffn_width);
  }
  EXPECT_EQ(sparse.touched_bytes, dense.touched_bytes - weights + bounds);
  EXPECT_EQ(sparse.resident_bytes, dense.resident_bytes + bounds);
  const double read = told.of(kTouchedBytes, kLength - 1);
  EXPECT_GT(read, 0.2 * static_cast<double>(weights));
  EXPECT_LT(read, 0.8 * static_cast<double>(weights));
}

/// Every way to raise four sites `raises` times by the same bytes: the least error.
double least_error(const std::vector<std::int64_t>& bytes, double raise, int raises,
                   const BlockError& error) {
  double least = std::numeric_limits<double>::infinity();
  for (int a = 0; a <= raises; ++a) {
    for (int b = 0; a + b <= raises; ++b) {
      for (int c = 0; a + b + c <= raises; ++c) {
        const int counts[] = {a, b, c, raises - a - b - c};
        std::vector<double> shares(4);
        for (std::size_t i = 0; i < 4; ++i) {
          shares[i] = counts[i] * raise / static_cast<double>(bytes[i]);
        }
        if (*std::max_element(shares.begin(), shares.end()) <= 1) {
          least = std::min(least, error(shares));
        }
      }
    }
  }
  return least;
}

TEST_P(TealTest, GreedyThresholdsAreNearTheBestOfAllAndNoWorseThanUniform) {
  constexpr double kStep = 0.4;
  constexpr int kRaises = 5;  // each a quarter of the step of all bytes
  constexpr double kTarget = kRaises * kStep / 4;
  RecordingContext context(calibration_, 0, {});
  const Artefact tables = measure_magnitudes(*model_, context);
  const Layer& dense = model_->layers().front();
  const std::vector<Place> places = places_of(dense, true, true);
  std::vector<std::int64_t> bytes;
  std::int64_t all = 0;
  for (const Place place : places) {
    bytes.push_back(bytes_behind(dense, place));
    all += bytes.back();
  }
  const auto thresholds = [&](const std::vector<double>& shares) {
    Thresholds found;
    for (std::size_t i = 0; i < 4; ++i) {
      const at::Tensor& table = tables.tensors.at(std::string("layer.0.") + place_name(places[i]));
      found[places[i]] = shares[i] > 0 ? magnitude_at(table, shares[i]) : -1;
    }
    return found;
  };
  const at::Tensor rows = model_->embed(calibration_);
  const at::Tensor truth = model_->run_layer(dense, 0, rows, 8).view({8, 24, -1});
  const BlockError error = [&](const std::vector<double>& shares) {
    Layer layer = dense.clone();
    sparsify(layer, 0, thresholds(shares), false);
    const at::Tensor out = model_->run_layer(layer, 0, rows, 8).view({8, 24, -1});
    return (out - truth).slice(1, 1).square().sum().item<double>();
  };
  const double best = least_error(bytes, kStep * static_cast<double>(all) / 4, kRaises, error);
  const std::vector<double> shares = allocate_greedily(bytes, {kTarget, kStep}, error);
  EXPECT_LE(error(shares), 1.5 * best);
  // Uniform shares lie between the steps of that coarse grid.
  const double fine = error(allocate_greedily(bytes, {kTarget, 0.05}, error));
  EXPECT_LT(fine, error({kTarget, kTarget, kTarget, kTarget}));
  // The fit comes to the same.
  const Artefact artefact =
      fitted({{"sparsity", kTarget}, {"allocation", "greedy"}, {"step", kStep}});
  const at::Tensor& kept = artefact.tensors.at("layer.0.thresholds");
  std::int64_t i = 0;
  for (const auto& [place, threshold] : thresholds(shares)) {
    EXPECT_NEAR(kept[i++].item<double>(), threshold, 1e-3 * std::abs(threshold));
  }
}

TEST_P(TealTest, SparsityZeroLeavesTheModelAsItIs) {
  for (const char* allocation : {"uniform", "greedy"}) {
    const Artefact artefact = fitted({{"sparsity", 0}, {"allocation", allocation}});
    EXPECT_TRUE(artefact.tensors.empty());
    EXPECT_EQ(applied({{"sparsity", 0}}).content_hash(), model_->content_hash());
  }
}

TEST_P(TealTest, BlocksAreTheOnesAsked) {
  for (const bool ffn : {true, false}) {
    const Model model = applied({{"sparsity", 0.5}, {"blocks", ffn ? "ffn" : "attention"}});
    const Layer& layer = model.layers().front();
    EXPECT_EQ(dynamic_cast<const StandardFfn*>(layer.ffn.get()) == nullptr, ffn);
    EXPECT_EQ(dynamic_cast<const StandardAttention*>(layer.attention.get()) == nullptr, !ffn);
  }
}

TEST_P(TealTest, BadSettingsAreRefused) {
  for (const Json& bad : {Json{{"sparsity", 1.5}}, Json{{"sparsity", -0.1}}, Json{{"step", 0}},
                          Json{{"allocation", "best"}}, Json{{"variant", "dejavu"}},
                          Json{{"allocation_samples", 0}}, Json{{"prompt", "half"}}}) {
    EXPECT_THROW((void)params(bad), UserError) << bad;
  }
  const auto unmet = [&](const Json& given) {
    return method().unmet(model_->spec(), params(given));
  };
  EXPECT_THAT(unmet({{"sparsity", 0.7}}), ::testing::IsEmpty());
  EXPECT_EQ(unmet({{"variant", "cats"}}).empty(), model_->spec().ffn_gated);
  EXPECT_THAT(unmet({{"variant", "cats"}, {"blocks", "attention"}}),
              ::testing::Contains(HasSubstr("set blocks to")));
  EXPECT_THAT(unmet({{"variant", "cats"}, {"allocation", "greedy"}}),
              ::testing::Contains(HasSubstr("set allocation to")));
}

TEST_P(TealTest, ASecondOneIsRefused) {
  const Model once = applied({});
  RecordingContext context(calibration_, 0, {});
  EXPECT_THROW((void)method().fit(once, context, params({})), DoesNotApply);
}

INSTANTIATE_TEST_SUITE_P(Families, TealTest,
                         ::testing::Values(TinyFamily::kLlama, TinyFamily::kOpt));

}  // namespace
}  // namespace teal
}  // namespace assay
