// The stages of nas one after the other, against what the released procedure and plain loops say.

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cosine_similarity.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "harness/base/cell_errors.h"
#include "harness/method/recording_context.h"
#include "harness/model/golden_cases.h"
#include "harness/subnetwork/extract.h"
#include "harness/subnetwork/importance.h"
#include "harness/subnetwork/judge.h"
#include "harness/subnetwork/layer_importance.h"
#include "harness/subnetwork/space.h"
#include "harness/train/language_model.h"
#include "methods/nas/nas_fixture.h"
#include "methods/nas/networks.h"

namespace assay::nas {
namespace {

/// Keeps everything that a pass shows.
class Everything final : public ActivationRecorder {
 public:
  void record(std::int64_t layer, Tap tap, const at::Tensor& rows, const StepContext&) override {
    rows_[{layer, tap}] = rows.clone();
  }
  [[nodiscard]] const at::Tensor& of(std::int64_t layer, Tap tap) const {
    return rows_.at({layer, tap});
  }

 private:
  std::map<std::pair<std::int64_t, Tap>, at::Tensor> rows_;
};

class NasOn : public testing::TestWithParam<std::string> {
 protected:
  NasOn() { context_.text_for_training = &text_; }
  const at::NoGradGuard guard_;
  Model model_ = load_golden(GetParam());
  at::Tensor tokens_ = at::randint(0, model_.spec().vocab, {4, 12}, at::kLong);
  TrainingText text_ = text_of(20, 12);
  RecordingContext context_{tokens_, 3, {}};

  [[nodiscard]] at::Tensor logits(const Model& model) const {
    return model.logits(model.hidden(tokens_));
  }
};

TEST_P(NasOn, FindsASmallerNetworkAndAppliesIt) {
  const Json given = {{"target", 0.95}, {"searcher", "nsga2"}, {"evaluations", 20}, {"steps", 4}};
  const Artefact artefact = method().fit(model_, context_, params(given));
  Model small = model_.clone();
  method().apply(small, artefact);
  const double share =
      static_cast<double>(small.cost().params) / static_cast<double>(model_.cost().params);
  EXPECT_LE(share, 0.95);
  EXPECT_NEAR(share, context_.metrics.at("pick/cost"), 1e-12);
  EXPECT_EQ(static_cast<double>(small.cost().params), context_.metrics.at("pick/parameters"));
  // What was judged is what is applied.
  const subnetwork::Judge judge(held_out_material(model_, context_, params(given)), model_,
                                subnetwork::QualityMetric::kLoss, 8);
  EXPECT_NEAR(judge(small), context_.metrics.at("pick/quality"), 1e-5);
  // A small space may have fewer than the 20 that were asked for.
  const double judged = context_.metrics.at("search/evaluations");
  EXPECT_GE(judged, 15);
  EXPECT_GE(context_.metrics.at(fmt::format("search/hypervolume/evaluation.{}", judged)),
            context_.metrics.at("search/hypervolume/evaluation.5"));
}

/// Everything that a search tells, against plain loops over what it judged.
TEST_P(NasOn, PicksTheBestOfItsSizeAndCountsTheArea) {
  const Json given = {{"target", 0.9}, {"searcher", "random"}, {"evaluations", 12}, {"steps", 4}};
  static_cast<void>(method().fit(model_, context_, params(given)));
  const auto& told = context_.metrics;
  std::vector<std::pair<double, double>> judged;  // cost, quality
  for (int n = 1; n <= told.at("search/evaluations"); ++n) {
    judged.emplace_back(told.at(fmt::format("search/cost/evaluation.{}", n)),
                        told.at(fmt::format("search/quality/evaluation.{}", n)));
  }
  double best = HUGE_VAL;
  for (const auto& [cost, quality] : judged) {
    if (cost <= 0.9) best = std::min(best, quality);
  }
  EXPECT_EQ(told.at("pick/quality"), best);
  // The area left of size 1 and below the quality of a guess, by the best quality at each size.
  std::sort(judged.begin(), judged.end());
  const double guess = std::log(static_cast<double>(model_.spec().vocab));
  double area = 0, lowest = guess;
  for (std::size_t i = 0; i < judged.size(); ++i) {
    lowest = std::min(lowest, judged[i].second);
    const double next = i + 1 < judged.size() ? judged[i + 1].first : 1;
    area += (next - judged[i].first) * (guess - lowest) / guess;
  }
  EXPECT_NEAR(told.at("search/hypervolume"), area, 1e-12);
}

TEST_P(NasOn, NothingTrainsOnWhatTheSearchJudgesBy) {
  const Materials parts = materials_of(model_, context_, params({{"dev_share", 0.25}}));
  EXPECT_EQ(parts.train->identity(), subnetwork::text_material(model_, text_, 0, 15)->identity());
  EXPECT_EQ(parts.held_out->identity(),
            subnetwork::text_material(model_, text_, 15, 5)->identity());
}

TEST_P(NasOn, LayersThatMatterMostComeFirst) {
  const auto order = [&](const char* by) {
    return orders_of(sort_units(model_, context_, params({{"layers_by", by}}))).layers;
  };
  const auto descending = [](const subnetwork::LayerScores& scores) {
    std::vector<std::pair<double, std::int64_t>> pairs;
    for (const auto& [layer, score] : scores) pairs.emplace_back(-score, layer);
    std::sort(pairs.begin(), pairs.end());
    std::vector<std::int64_t> layers;
    for (const auto& [score, layer] : pairs) layers.push_back(layer);
    return layers;
  };
  EXPECT_EQ(order("influence"), descending(subnetwork::block_influences(model_, context_)));
  EXPECT_EQ(order("perplexity"),
            descending(subnetwork::losses_without_one_more(model_, context_, {})));
  EXPECT_EQ(order("position"), subnetwork::first_units(model_.layer_count()));
}

TEST_P(NasOn, TheSortIsThatOfPlainMeans) {
  Everything all;
  static_cast<void>(model_.hidden(tokens_, &all));
  const subnetwork::Importance found = subnetwork::measure_importance(model_, tokens_, {});
  const subnetwork::Importance gate =
      subnetwork::measure_importance(model_, tokens_,
                                     {.neurons = subnetwork::NeuronValue::kGate,
                                      .aggregate = subnetwork::Aggregate::kNorm,
                                      .batch_tokens = 12});
  for (std::int64_t l = 0; l < model_.layer_count(); ++l) {
    const at::Tensor down = all.of(l, Tap::kDownInput).to(at::kDouble);
    EXPECT_TRUE(found.neurons.at(l).allclose(down.abs().mean(0), 1e-6, 1e-9));
    const at::Tensor before = all.of(l, Tap::kPreActivation).to(at::kDouble);
    EXPECT_TRUE(gate.neurons.at(l).allclose(before.norm(2, 0), 1e-6, 1e-9));
    const LayerShape& shape = model_.spec().layer(l);
    const at::Tensor heads = all.of(l, Tap::kOutInput).to(at::kDouble);
    for (std::int64_t g = 0; g < shape.kv_heads; ++g) {
      double sum = 0;
      const std::int64_t each = shape.heads / shape.kv_heads;
      for (std::int64_t h = g * each; h < (g + 1) * each; ++h) {
        sum += heads.narrow(1, h * shape.head_dim, shape.head_dim).norm(2, 1).mean().item<double>();
      }
      EXPECT_NEAR(found.groups.at(l)[g].item<double>(), sum / static_cast<double>(each), 1e-6);
    }
  }
}

TEST_P(NasOn, OrderedModelsAreTheSameFunction) {
  for (const char* order : {"per_layer", "global"}) {
    const Artefact sort =
        sort_units(model_, context_, params({{"order", order}, {"widths", {model_.spec().width}}}));
    const Model ordered = ordered_model(model_, sort);
    EXPECT_LE(relative_error(logits(ordered), logits(model_)), 1e-4);
    EXPECT_NE(ordered.content_hash(), model_.content_hash());
  }
}

TEST_P(NasOn, TrainsWhatItSearches) {
  for (const char* what : {"all", "lora"}) {
    RecordingContext context(tokens_, 3, {});
    context.text_for_training = &text_;
    const Json given = {{"target", 0.95},      {"evaluations", 8}, {"steps", 4},
                        {"trains", what},      {"epochs", 20},     {"learning_rate", 3e-3},
                        {"searcher", "local"}, {"grid_bins", 3},   {"grid_candidates", 2}};
    const Artefact artefact = method().fit(model_, context, params(given));
    Model small = model_.clone();
    method().apply(small, artefact);
    const subnetwork::Judge judge(held_out_material(model_, context, params(given)), model_,
                                  subnetwork::QualityMetric::kLoss, 8);
    EXPECT_NEAR(judge(small), context.metrics.at("pick/quality"), 1e-4) << what;
    EXPECT_LT(context.metrics.at("pick/quality"), judge(model_)) << what;
    EXPECT_GT(context.metrics.at("train/steps"), 0);
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, NasOn, testing::Values("llama_gqa", "gpt2", "opt"),
                         [](const auto& test) { return test.param; });

TEST_F(Nas, ATargetBelowTheFloorIsUnmetAndSaysIt) {
  const subnetwork::NetworkSpace space(model_.spec(), {}, {});
  expect_unmet({{"target", 0.01}}, fmt::format("{:.4f} of the model", space.floor()).c_str());
  expect_unmet({{"groups", {1, 9}}}, "groups = [1, 9]");
  expect_unmet({{"depths", {99}}}, "from 1 to");
  expect_unmet({{"searcher", "evopress"}, {"evaluations", 3}}, "3 evaluations are too few");
  EXPECT_THAT(method().unmet(model_.spec(), params({{"target", 0.99}})), testing::IsEmpty());
}

/// Each bin's winner predicts the calibration text best of those that were drawn for it: with as
/// many draws as the space has networks, of all of them.
TEST_F(Nas, TheCalibratedGridHasTheBestNetworkOfEachBin) {
  const Params given = params({{"trains", "all"},
                               {"grid_bins", 2},
                               {"grid_candidates", 400},
                               {"sort", "none"},
                               {"layers_by", "position"},
                               {"steps", 3}});
  RecordingContext context(context_.calibration(), 3, {});
  const subnetwork::NetworkSpace space(model_.spec(), {.steps = 3}, {0, 1, 2});
  const Artefact sort = sort_units(model_, context, given);
  StageContext with_sort(context, {{kSort, sort}});
  const Json grid = calibrate_grid(model_, with_sort, given).plan.at("networks");
  const at::Tensor& tokens = context.calibration();
  const auto loss_of = [&](const Json& values) {
    Model network = model_.share();
    subnetwork::extract(network, space.network(search::point_from_values(
                                     space.space(), values.get<std::vector<std::int64_t>>())));
    return next_token_loss(network, tokens).item<double>();
  };
  const auto size_of = [&](const Json& values) {
    return space.space().size(
        search::point_from_values(space.space(), values.get<std::vector<std::int64_t>>()));
  };
  ASSERT_EQ(grid.size(), 4U);
  EXPECT_EQ(grid[0], Json(search::values_of(space.space(), search::smallest_point(space.space()))));
  EXPECT_EQ(grid[3], Json(search::values_of(space.space(), search::largest_point(space.space()))));
  const double low = size_of(grid[0]), middle = (low + 1) / 2;
  for (const std::size_t bin : {std::size_t{0}, std::size_t{1}}) {
    const double begin = bin == 0 ? low : middle, end = bin == 0 ? middle : 1;
    const double winner = loss_of(grid[bin + 1]);
    EXPECT_GE(size_of(grid[bin + 1]), begin);
    EXPECT_LE(size_of(grid[bin + 1]), end);
    PythonRandom random(11);
    for (int i = 0; i < 60; ++i) {
      const auto values =
          search::values_of(space.space(), search::random_point(space.space(), random));
      const double size = size_of(values);
      if (size < begin || size > end) continue;
      EXPECT_GE(loss_of(values), winner - 1e-5);
    }
  }
}

TEST_F(Nas, AReferenceInsideTheFrontIsRefused) {
  const Json given = {{"target", 1}, {"evaluations", 2}, {"reference_quality", 0.001}};
  EXPECT_THAT([&] { static_cast<void>(method().fit(model_, context_, params(given))); },
              testing::ThrowsMessage<DoesNotApply>(testing::HasSubstr("inside the front")));
}

TEST_F(Nas, ATargetThatNoCandidateMeetsSaysWhatWasFound) {
  const Json given = {{"target", 0.5}, {"searcher", "local"}, {"evaluations", 1}};
  EXPECT_THAT([&] { static_cast<void>(method().fit(model_, context_, params(given))); },
              testing::ThrowsMessage<DoesNotApply>(testing::HasSubstr("has 1.0000 of the size")));
}

TEST_F(Nas, BlockInfluenceInBfloat16IsASumThatStopsGrowing) {
  const at::Tensor tokens = at::randint(0, model_.spec().vocab, {64, 16}, at::kLong);
  RecordingContext context(tokens, 0, {});
  const subnetwork::LayerScores found =
      subnetwork::block_influences(model_, context, subnetwork::CosineSum::kBFloat16);
  at::Tensor rows = model_.embed(tokens);
  for (std::int64_t l = 0; l < model_.layer_count(); ++l) {
    const at::Tensor after =
        model_.run_layer(model_.layers()[static_cast<std::size_t>(l)], l, rows, 64);
    at::Tensor sum = at::zeros({}, at::kBFloat16);
    const at::Tensor cosines = at::cosine_similarity(rows, after).to(at::kBFloat16);
    for (std::int64_t i = 0; i < cosines.numel(); ++i) sum = sum.add(cosines[i]);
    EXPECT_LE(sum.item<double>(), 256);  // of 1,024 tokens
    EXPECT_NEAR(found.at(l), 1 - sum.item<double>() / 1024, 2e-3) << l;
    rows = after;
  }
}

TEST_F(Nas, ASearchThatIsInterruptedGoesOnToTheSameNetwork) {
  const Json given = {{"target", 0.95}, {"searcher", "nsga2"}, {"evaluations", 15}, {"steps", 4}};
  const Artefact whole = method().fit(model_, context_, params(given));
  RecordingContext again(context_.calibration(), 3, {});
  again.text_for_training = &text_;
  for (std::int64_t at = 1; at < 20; at += 4) {
    again.interrupt_at = std::ssize(again.steps) + at;
    EXPECT_THROW(static_cast<void>(method().fit(model_, again, params(given))), Interrupted);
  }
  again.interrupt_at = -1;
  const Artefact resumed = method().fit(model_, again, params(given));
  EXPECT_EQ(resumed.plan, whole.plan);
}

}  // namespace
}  // namespace assay::nas
