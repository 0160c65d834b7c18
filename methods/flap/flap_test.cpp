// Scores, choices and biases against plain loops over recorded activations.
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "harness/method/recording_context.h"
#include "harness/method/tiny_model.h"
#include "harness/model/golden_cases.h"
#include "methods/flap/flap_fixture.h"
#include "methods/flap/units.h"

namespace assay::flap {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Indices = std::vector<std::int64_t>;

constexpr std::int64_t kSamples = 6;
constexpr std::int64_t kTokens = 20;

struct NaiveUnit {
  double score;
  double params;
  std::int64_t layer;
  Slot reader;
  std::int64_t index;
};

using Kept = std::map<std::pair<std::int64_t, Slot>, Indices>;

class Flap : public ::testing::TestWithParam<TinyFamily> {
 protected:
  Flap() {
    write_tiny_model(folder(), GetParam(), 31);
    model_ = std::make_unique<Model>(Model::load(folder(), {}));
    tokens_ = at::randint(0, kTinyVocab, {kSamples, kTokens}, at::kLong);
  }
  [[nodiscard]] std::filesystem::path folder() const { return place_.scratch() / "model"; }

  Artefact fit(const Json& given, std::uint64_t seed = 0) {
    const Params values = params(given);
    const bool reads = method().info().needs.calibration_for(values);
    context_ = std::make_unique<RecordingContext>(reads ? tokens_ : at::Tensor(), seed, folder());
    return method().fit(*model_, *context_, values);
  }
  [[nodiscard]] Model applied(const Artefact& artefact) const {
    Model changed = model_->clone();
    method().apply(changed, artefact);
    return changed;
  }
  [[nodiscard]] at::Tensor logits(const Model& model) const {
    return model.logits(model.hidden(tokens_));
  }
  [[nodiscard]] bool gated() const { return GetParam() == TinyFamily::kLlama; }
  /// Head groups, or neurons.
  [[nodiscard]] std::int64_t units(Slot reader) const {
    return reader == Slot::kO ? model_->spec().shape.kv_heads : model_->spec().shape.ffn_width;
  }
  [[nodiscard]] std::int64_t channels(Slot reader) const {
    return reader == Slot::kO ? 32 / units(reader) : 1;
  }
  /// By hand: llama has 2 groups of 2 heads of 8, opt has 4 heads of 8 with biases.
  [[nodiscard]] double unit_params(Slot reader) const {
    if (gated()) return reader == Slot::kO ? (2 * 16 + 2 * 8) * 32 : 3 * 32;
    return reader == Slot::kO ? 4 * 8 * 32 + 3 * 8 : 2 * 32 + 1;
  }
  [[nodiscard]] double all_params() const {
    return 3 * (static_cast<double>(units(Slot::kO)) * unit_params(Slot::kO) +
                static_cast<double>(units(Slot::kDown)) * unit_params(Slot::kDown));
  }

  [[nodiscard]] std::vector<NaiveUnit> naive_units() const {
    WholePass pass;
    static_cast<void>(model_->hidden(tokens_, &pass));
    std::vector<NaiveUnit> all;
    for (std::int64_t layer = 0; layer < 3; ++layer) {
      for (const Slot reader : {Slot::kO, Slot::kDown}) {
        Numbers metric = naive_fluctuation(
            pass.of(layer, reader),
            model_->layers()[static_cast<std::size_t>(layer)].dense(reader).weight());
        if (reader == Slot::kO) {
          for (double& x : metric) x *= x;
        }
        const Numbers scores = naive_scores(metric, static_cast<std::size_t>(channels(reader)));
        for (std::size_t u = 0; u < scores.size(); ++u) {
          all.push_back(
              {scores[u], unit_params(reader), layer, reader, static_cast<std::int64_t>(u)});
        }
      }
    }
    return all;
  }

  /// What an artefact keeps, of the blocks that it changes.
  [[nodiscard]] Kept kept(const Artefact& artefact) const {
    Kept all;
    for (std::int64_t layer = 0; layer < 3; ++layer) {
      for (const Slot reader : {Slot::kO, Slot::kDown}) {
        const std::string name =
            "layer." + std::to_string(layer) + (reader == Slot::kO ? ".head_groups" : ".neurons");
        const auto found = artefact.tensors.find(name);
        if (found == artefact.tensors.end()) continue;
        const auto* data = found->second.const_data_ptr<std::int64_t>();
        all[{layer, reader}] = Indices(data, data + found->second.numel());
      }
    }
    return all;
  }

  /// The full model with zeros where something went, and the artefact's biases.
  [[nodiscard]] Model zeroed(const Artefact& artefact) const {
    Model changed = model_->clone();
    for (const auto& [place, stays] : kept(artefact)) {
      const auto& [layer, reader] = place;
      const at::Tensor weight =
          changed.layers()[static_cast<std::size_t>(layer)].dense(reader).weight();
      for (std::int64_t u = 0; u < units(reader); ++u) {
        if (std::count(stays.begin(), stays.end(), u) > 0) continue;
        weight.narrow(1, u * channels(reader), channels(reader)).zero_();
      }
    }
    for (const auto& [name, tensor] : artefact.tensors) {
      for (const Slot reader : {Slot::kO, Slot::kDown}) {
        for (std::int64_t layer = 0; layer < 3; ++layer) {
          if (name != slot_path(layer, reader) + ".bias_shift") continue;
          changed.add_bias(reader);
          changed.layers()[static_cast<std::size_t>(layer)].dense(reader).bias().add_(tensor);
        }
      }
    }
    return changed;
  }

  /// A matrix's mean output when a pass over the calibration text reaches it.
  [[nodiscard]] at::Tensor mean_output(const Model& model, std::int64_t layer, Slot reader) const {
    WholePass pass;
    static_cast<void>(model.hidden(tokens_, &pass));
    return model.layers()[static_cast<std::size_t>(layer)]
        .linear(reader)
        .forward(pass.of(layer, reader))
        .mean(0);
  }

  RecordingContext place_{{}, 0, {}};
  std::unique_ptr<Model> model_;
  at::Tensor tokens_;
  std::unique_ptr<RecordingContext> context_;
};

TEST_P(Flap, TheLowestOfAllGoAsPlainLoopsFindThem) {
  for (const double ratio : {0.1, 0.25, 0.4}) {
    std::vector<NaiveUnit> order = naive_units();
    std::stable_sort(order.begin(), order.end(),
                     [](const auto& a, const auto& b) { return a.score < b.score; });
    std::map<std::pair<std::int64_t, Slot>, std::int64_t> left;
    for (const NaiveUnit& unit : order) ++left[{unit.layer, unit.reader}];
    // The share of the prefix that comes nearest.
    const double target = ratio * all_params();
    double gone = 0;
    Kept expected;
    bool over = false;
    for (const NaiveUnit& unit : order) {
      std::int64_t& here = left[{unit.layer, unit.reader}];
      const bool last = here == (unit.reader == Slot::kO ? 1 : kFewestNeurons);
      over = over || (!last && std::abs(gone + unit.params - target) > std::abs(gone - target));
      if (over || last) {
        expected[{unit.layer, unit.reader}].push_back(unit.index);
      } else {
        gone += unit.params;
        --here;
      }
    }
    const Artefact artefact = fit({{"ratio", ratio}});
    for (auto& [place, stays] : expected) std::sort(stays.begin(), stays.end());
    std::erase_if(expected,
                  [&](const auto& e) { return std::ssize(e.second) == units(e.first.second); });
    EXPECT_EQ(kept(artefact), expected) << ratio;
    EXPECT_NEAR(context_->metrics.at("removed_parameters"), gone / all_params(), 1e-12);
  }
}

TEST_P(Flap, TheLowestOfEachBlockGo) {
  const Artefact artefact = fit({{"ratio", 0.5}, {"allocation", "ul_um"}});
  std::map<std::pair<std::int64_t, Slot>, std::vector<NaiveUnit>> blocks;
  for (const NaiveUnit& unit : naive_units()) blocks[{unit.layer, unit.reader}].push_back(unit);
  for (auto& [place, list] : blocks) {
    std::sort(list.begin(), list.end(), [](auto& a, auto& b) { return a.score > b.score; });
    Indices stays;
    for (std::size_t i = 0; i < list.size() / 2; ++i) stays.push_back(list[i].index);
    std::sort(stays.begin(), stays.end());
    EXPECT_EQ(kept(artefact).at(place), stays);
  }
}

TEST_P(Flap, CountsWhatItReallyRemoves) {
  const double before = static_cast<double>(model_->cost().params);
  for (const char* by : {"fluctuation", "random"}) {
    for (const double ratio : {0.1, 0.2, 0.3, 0.5}) {
      const Artefact artefact =
          fit({{"ratio", ratio}, {"by", by}, {"bias_compensation", false}}, 4);
      const double share = context_->metrics.at("removed_parameters");
      EXPECT_NEAR((before - static_cast<double>(applied(artefact).cost().params)) / all_params(),
                  share, 1e-9);
      EXPECT_LE(std::abs(share - ratio), 0.5 * unit_params(Slot::kO) / all_params() + 1e-9);
      EXPECT_THAT(context_->warnings, IsEmpty());
    }
  }
}

TEST_P(Flap, SlicedEqualsZeroedWithTheSameBiases) {
  for (const char* allocation : {"al_am", "ul_um"}) {
    for (const char* on : {"dense", "compressed"}) {
      const Artefact artefact =
          fit({{"ratio", 0.5}, {"allocation", allocation}, {"calibrate_on", on}});
      EXPECT_LE(relative_error(logits(applied(artefact)), logits(zeroed(artefact))), 1e-5);
    }
  }
}

TEST_P(Flap, BiasesAreWhatTheRemovedChannelsGiveOnAverage) {
  WholePass pass;
  static_cast<void>(model_->hidden(tokens_, &pass));
  const Artefact artefact = fit({{"ratio", 0.3}});
  const Kept stays = kept(artefact);
  EXPECT_FALSE(stays.empty());
  for (const auto& [place, units_left] : stays) {
    const auto& [layer, reader] = place;
    const at::Tensor weight =
        model_->layers()[static_cast<std::size_t>(layer)].dense(reader).weight();
    const Numbers mean = naive_mean(pass.of(layer, reader));
    const at::Tensor shift = artefact.tensors.at(slot_path(layer, reader) + ".bias_shift");
    for (std::int64_t o = 0; o < weight.size(0); ++o) {
      double expected = 0;
      for (std::int64_t c = 0; c < weight.size(1); ++c) {
        if (std::count(units_left.begin(), units_left.end(), c / channels(reader)) > 0) continue;
        expected += weight[o][c].item<float>() * mean[static_cast<std::size_t>(c)];
      }
      EXPECT_NEAR(shift[o].item<float>(), expected, 1e-5);
    }
  }
}

TEST_P(Flap, TheMeanOutputStaysWhereTheInputsAreTheSame) {
  // Nothing before the first attention changes; the first FFN sees the same as long as attention
  // does.
  const Json all = {{"ratio", 0.5}, {"allocation", "ul_um"}};
  EXPECT_LE(relative_error(mean_output(applied(fit(all)), 0, Slot::kO),
                           mean_output(*model_, 0, Slot::kO)),
            1e-5);
  Json ffn = all;
  ffn["blocks"] = "ffn";
  EXPECT_LE(relative_error(mean_output(applied(fit(ffn)), 0, Slot::kDown),
                           mean_output(*model_, 0, Slot::kDown)),
            1e-5);
  ffn["bias_compensation"] = false;
  EXPECT_GT(relative_error(mean_output(applied(fit(ffn)), 0, Slot::kDown),
                           mean_output(*model_, 0, Slot::kDown)),
            1e-2);
}

TEST_P(Flap, CompressedCalibrationKeepsTheMeanOutputOfLaterLayersToo) {
  const Artefact artefact =
      fit({{"ratio", 0.5}, {"allocation", "ul_um"}, {"calibrate_on", "compressed"}});
  const Model changed = applied(artefact);
  const at::Tensor rows =
      changed.run_layer(changed.layers()[0], 0, changed.embed(tokens_), kSamples);
  WholePass dense;  // the unchanged layer 1 behind the compressed layer 0
  static_cast<void>(model_->run_layer(model_->layers()[1], 1, rows, kSamples, &dense));
  const at::Tensor expected =
      model_->layers()[1].linear(Slot::kO).forward(dense.of(1, Slot::kO)).mean(0);
  EXPECT_LE(relative_error(mean_output(changed, 1, Slot::kO), expected), 1e-5);
  EXPECT_EQ(kept(artefact), kept(fit({{"ratio", 0.5}, {"allocation", "ul_um"}})));
}

TEST_P(Flap, ConstantNeuronsGoFirstAndTheBiasMakesUpForThemExactly) {
  if (gated()) GTEST_SKIP() << "a gated neuron of zero weights is always 0";
  for (const Layer& layer : model_->layers()) {
    layer.dense(Slot::kUp).weight().narrow(0, 5, 6).zero_();
    layer.dense(Slot::kUp).bias().narrow(0, 5, 6).fill_(0.7);
  }
  const Artefact artefact = fit({{"ratio", 6.0 / 64}, {"allocation", "ul_um"}, {"blocks", "ffn"}});
  const Model changed = applied(artefact);
  EXPECT_EQ(changed.spec().layer(0).ffn_width, 58);
  EXPECT_EQ(kept(artefact).at({2, Slot::kDown})[5], 11);
  EXPECT_LE(relative_error(logits(changed), logits(*model_)), 1e-6);
}

TEST_P(Flap, NothingToRemoveIsTheSameModel) {
  for (const char* allocation : {"al_am", "ul_um"}) {
    const Artefact artefact = fit({{"ratio", 0}, {"allocation", allocation}});
    EXPECT_THAT(artefact.tensors, IsEmpty());
    EXPECT_TRUE(at::equal(logits(applied(artefact)), logits(*model_)));
  }
}

TEST_P(Flap, EveryLayerKeepsAMinimumAndTheShortfallIsSaid) {
  for (const char* allocation : {"al_am", "ul_um"}) {
    const Model changed = applied(fit({{"ratio", 0.99}, {"allocation", allocation}}));
    for (std::int64_t i = 0; i < 3; ++i) {
      EXPECT_EQ(changed.spec().layer(i).kv_heads, 1);
      EXPECT_EQ(changed.spec().layer(i).ffn_width, kFewestNeurons);
    }
    ASSERT_EQ(context_->warnings.size(), 1U);
    EXPECT_EQ(context_->warnings[0].first, "ratio_not_reached");
  }
}

TEST_P(Flap, ALotIsOfTheSameSizeAndFollowsTheSeed) {
  const auto removed = [&](const Json& given, std::uint64_t seed) {
    Json with_ratio = given;
    with_ratio["ratio"] = 0.3;
    const Artefact artefact = fit(with_ratio, seed);
    return std::make_pair(kept(artefact), context_->metrics.at("removed_parameters"));
  };
  const auto lowest = removed({}, 0), lot = removed({{"by", "random"}}, 0);
  EXPECT_LE(std::abs(lowest.second - lot.second), unit_params(Slot::kO) / all_params() + 1e-9);
  EXPECT_EQ(lot.first, removed({{"by", "random"}}, 0).first);
  EXPECT_NE(lot.first, removed({{"by", "random"}}, 1).first);
  EXPECT_NE(lot.first, lowest.first);
  EXPECT_EQ(lowest.first, removed({}, 1).first);
  EXPECT_EQ(lot.first, removed({{"by", "random"}, {"bias_compensation", false}}, 0).first);
  const Json uniform = {{"allocation", "ul_um"}};
  const Json uniform_lot = {{"allocation", "ul_um"}, {"by", "random"}};
  EXPECT_EQ(removed(uniform, 0).second, removed(uniform_lot, 0).second);
}

TEST_P(Flap, ChoosesTheSameOnAnyNumberOfThreads) {
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  const Kept alone = kept(fit({{"ratio", 0.3}}));
  at::set_num_threads(2);
  EXPECT_EQ(alone, kept(fit({{"ratio", 0.3}})));
  at::set_num_threads(threads);
}

TEST_P(Flap, AppliesToABfloat16Model) {
  const Artefact artefact = fit({{"ratio", 0.3}});
  LoadOptions options;
  options.dtype = at::kBFloat16;
  Model half = Model::load(folder(), options);
  method().apply(half, artefact);
  EXPECT_EQ(half.layers()[0].dense(Slot::kDown).bias().scalar_type(), at::kBFloat16);
  EXPECT_LE(relative_error(logits(half), logits(applied(artefact))), 0.05);
}

TEST_P(Flap, SaysWhatDoesNotApply) {
  ModelSpec alibi = model_->spec();
  alibi.positions = PositionKind::kAlibi;
  EXPECT_THAT(method().unmet(alibi, params({})), ElementsAre(HasSubstr("set blocks = 'ffn'")));
  EXPECT_THAT(method().unmet(alibi, params({{"blocks", "ffn"}})), IsEmpty());
  ModelSpec normed = model_->spec();
  normed.qk_norm = QkNorm::kProjection;
  EXPECT_THAT(method().unmet(normed, params({})),
              ElementsAre(HasSubstr("norms queries and keys over all heads together")));
  EXPECT_THAT(method().unmet(normed, params({{"blocks", "ffn"}})), IsEmpty());
  ModelSpec one_group = model_->spec();
  one_group.shape.kv_heads = 1;
  EXPECT_THAT(method().unmet(one_group, params({{"blocks", "attention"}})),
              ElementsAre(HasSubstr("set blocks = 'ffn'")));
  EXPECT_THAT(method().unmet(one_group, params({})), IsEmpty());
  EXPECT_THAT(method().unmet(model_->spec(), params({{"calibrate_on", "compressed"},
                                                     {"bias_compensation", false}})),
              ElementsAre(HasSubstr("needs bias_compensation = true")));
}

INSTANTIATE_TEST_SUITE_P(Tiny, Flap, ::testing::Values(TinyFamily::kLlama, TinyFamily::kOpt));

}  // namespace
}  // namespace assay::flap
