#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/tensor.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <utility>
#include <vector>

#include "harness/base/cell_errors.h"
#include "harness/contextual/chooser.h"
#include "harness/contextual/predictor_labels.h"
#include "harness/contextual/routed_fixture.h"
#include "harness/data/answered_items.h"
#include "methods/dejavu/traces.h"

namespace assay {
void register_dejavu(MethodRegistry& registry);

namespace dejavu {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::int64_t kLength = 12, kWidth = 32, kHeads = 4, kNeurons = 64;

const Method& method() { return sole_method(register_dejavu); }

Params params_of(const Json& given) { return {method().info().params, given}; }

class DejaVuTest : public ::testing::TestWithParam<TinyFamily> {
 protected:
  DejaVuTest() {
    at::manual_seed(3);
    write_tiny_model(place_.scratch() / "model", GetParam(), 8);
    model_.emplace(Model::load(place_.scratch() / "model", LoadOptions{}));
    text_ = at::randint(0, kTinyVocab, {2, kLength}, at::kLong);
    calibration_ = at::randint(0, kTinyVocab, {20, 16}, at::kLong);
  }
  Artefact fitted(const Json& given, std::uint64_t seed = 0) {
    RecordingContext context(calibration_, seed, {});
    Artefact artefact = method().fit(*model_, context, params_of(given));
    metrics_ = context.metrics;
    return artefact;
  }
  Model applied(const Json& given) {
    Model changed = model_->clone();
    method().apply(changed, fitted(given));
    return changed;
  }

  const at::NoGradGuard as_in_the_worker_;
  RecordingContext place_{{}, 0, {}};
  std::optional<Model> model_;
  at::Tensor text_, calibration_;
  std::map<std::string, double> metrics_;
};

const Json kShort = {{"ffn_labels", "largest"}, {"head_density", 0.5}, {"epochs", 3}};

Json with(Json given, const Json& more) {
  given.update(more);
  return given;
}

TEST_P(DejaVuTest, WhatIsDecodedIsWhatWasScored) {
  for (const char* lookahead :
       {"latency_code", "training_code", "accuracy_code", "paper_equations", "paper_figure"}) {
    const Model model = applied(with(kShort, {{"lookahead", lookahead}}));
    EXPECT_LT(apart(decoded(model, text_, 4), scored(model, text_)), 1e-5) << lookahead;
    EXPECT_GT(apart(scored(model, text_), scored(*model_, text_)), 1e-3) << "changes nothing";
  }
  const Model model = applied(with(kShort, {{"select", "threshold"}, {"threshold", 0.45}}));
  EXPECT_LT(apart(decoded(model, text_, 4), scored(model, text_)), 1e-5);
}

TEST_P(DejaVuTest, EverythingIsTheDenseModelBitForBit) {
  const Model model = applied(with(kShort, {{"head_density", 1.0}, {"ffn_density", 1.0}}));
  EXPECT_TRUE(scored(model, text_).equal(scored(*model_, text_)));
}

TEST_P(DejaVuTest, AChangedLaterTokenChangesNoEarlierLogit) {
  at::Tensor other = text_.clone();
  other.select(1, kLength - 1).add_(1).remainder_(kTinyVocab);
  const Model model = applied(kShort);
  const auto early = [&](const at::Tensor& text) {
    return scored(model, text).view({2, kLength, -1}).narrow(1, 0, kLength - 1).contiguous();
  };
  EXPECT_TRUE(early(text_).equal(early(other)));
}

TEST_P(DejaVuTest, EqualSeedsGiveEqualBits) {
  const Artefact once = fitted(kShort, 5), again = fitted(kShort, 5), other = fitted(kShort, 6);
  ASSERT_FALSE(once.tensors.empty());
  bool differs = false;
  for (const auto& [name, tensor] : once.tensors) {
    EXPECT_TRUE(tensor.equal(again.tensors.at(name))) << name;
    differs = differs || !tensor.equal(other.tensors.at(name));
  }
  EXPECT_TRUE(differs) << "the seed decides nothing";
}

TEST_P(DejaVuTest, SaysHowGoodItsPredictorsAre) {
  (void)fitted(with(kShort, {{"epochs", 1}}));
  for (const char* name : {"layer.1/head", "layer.2/neuron"}) {
    const double recall = metrics_.at(fmt::format("predictor/{}_recall", name));
    EXPECT_GE(recall, 0) << name;
    EXPECT_LE(recall, 1) << name;
  }
  EXPECT_FALSE(metrics_.contains("predictor/layer.0/head_recall")) << "it runs whole";
}

/// What one pass shows, by layer and tap.
class Everything final : public ActivationRecorder {
 public:
  void record(std::int64_t layer, Tap tap, const at::Tensor& rows, const StepContext&) override {
    seen[{layer, tap}] = rows.clone();
  }
  std::map<std::pair<std::int64_t, Tap>, at::Tensor> seen;
};

TEST_P(DejaVuTest, TracesAreWhatAPassShows) {
  const at::Tensor one = calibration_.narrow(0, 0, 1);
  Everything pass;
  (void)model_->hidden(one, &pass);
  RecordingContext context(one, 0, {});
  const Artefact traces =
      trace(*model_, context, params_of({{"ffn_labels", "largest"}, {"ffn_label_density", 0.25}}));
  // Only what the look-ahead asks for: both from the layer before.
  EXPECT_FALSE(traces.tensors.contains("layer.2.ffn_stream"));
  EXPECT_TRUE(traces.tensors.at("layer.1.ffn_stream")
                  .equal(pass.seen.at({1, Tap::kFfnStream}).to(at::kBFloat16)));
  EXPECT_TRUE(traces.tensors.at("layer.0.attention_stream")
                  .equal(pass.seen.at({0, Tap::kAttentionStream}).to(at::kBFloat16)));
  const at::Tensor norms =
      pass.seen.at({2, Tap::kOutInput}).view({-1, kHeads, kWidth / kHeads}).square().sum(2).sqrt();
  EXPECT_LT(apart(traces.tensors.at("layer.2.head_norms"), norms), 1e-5);
  const at::Tensor values = pass.seen.at({2, Tap::kDownInput}).abs();
  const at::Tensor bits = traces.tensors.at("layer.2.neuron_labels");
  const auto* packed = bits.const_data_ptr<std::uint8_t>();
  for (std::int64_t r = 0; r < values.size(0); ++r) {
    const at::Tensor edge = std::get<0>(values[r].sort(0, /*descending=*/true))[kNeurons / 4 - 1];
    for (std::int64_t j = 0; j < kNeurons; ++j) {
      const bool label = (packed[r * kNeurons / 8 + j / 8] >> (j % 8) & 1) != 0;
      const bool large =
          values[r][j].item<float>() >= edge.item<float>() && values[r][j].item<float>() > 0;
      EXPECT_EQ(label, large) << r << ", " << j;
    }
  }
}

TEST_P(DejaVuTest, TracesOfSequencesStandOneBehindTheOther) {
  const at::Tensor texts = calibration_.narrow(0, 0, 3);
  RecordingContext context(texts, 0, {});
  const Artefact traces = trace(*model_, context, params_of({{"ffn_labels", "largest"}}));
  std::map<std::string, std::vector<at::Tensor>> expected;
  for (std::int64_t i = 0; i < 3; ++i) {
    Everything pass;
    (void)model_->hidden(texts.narrow(0, i, 1), &pass);
    for (std::int64_t layer = 0; layer < 3; ++layer) {
      const auto keep = [&](const std::string& name, const at::Tensor& rows) {
        expected[name].push_back(rows);
      };
      const auto seen = [&](Tap tap) { return pass.seen.at({layer, tap}); };
      if (layer < 2) {
        keep(stream_name({layer, RoutingSite::kHeads}),
             seen(Tap::kAttentionStream).to(at::kBFloat16));
        keep(stream_name({layer, RoutingSite::kNeurons}), seen(Tap::kFfnStream).to(at::kBFloat16));
      }
      if (layer == 0) continue;
      keep(head_norms_name(layer), head_norms(seen(Tap::kOutInput), kHeads));
      keep(neuron_labels_name(layer), pack_labels(largest_labels(seen(Tap::kDownInput).abs(),
                                                                 count_of_density(0.1, kNeurons))));
    }
  }
  ASSERT_EQ(traces.tensors.size(), expected.size());
  for (const auto& [name, parts] : expected) {
    const at::Tensor &found = traces.tensors.at(name), whole = at::cat(parts);
    EXPECT_EQ(found.scalar_type(), whole.scalar_type()) << name;
    EXPECT_TRUE(found.equal(whole)) << name;
  }
}

TEST_P(DejaVuTest, AnInterruptedTraceGoesOnWithTheSameBits) {
  RecordingContext whole(calibration_, 0, {}), parts(calibration_, 0, {});
  const Artefact expected = trace(*model_, whole, params_of(kShort));
  for (const std::int64_t stop : {0, 7, 9}) {  // of what each try has still to do
    parts.steps.clear();
    parts.interrupt_at = stop;
    EXPECT_THROW((void)trace(*model_, parts, params_of(kShort)), Interrupted);
  }
  parts.steps.clear();
  parts.interrupt_at = -1;
  const Artefact found = trace(*model_, parts, params_of(kShort));
  ASSERT_EQ(parts.steps.size(), 1U) << "1 + 8 + 10 of 20 sequences were there";
  EXPECT_EQ(parts.steps[0], std::pair(std::int64_t{20}, std::int64_t{20}));
  ASSERT_EQ(found.tensors.size(), expected.tensors.size());
  for (const auto& [name, tensor] : expected.tensors) {
    EXPECT_TRUE(found.tensors.at(name).equal(tensor)) << name;
  }
  parts.steps.clear();
  (void)trace(*model_, parts, params_of(with(kShort, {{"lookahead", "training_code"}})));
  EXPECT_EQ(parts.steps.size(), 20U) << "other streams";
  ASSERT_EQ(parts.warnings.size(), 1U);
  EXPECT_EQ(parts.warnings[0].first, "trace_begun_anew");
}

TEST_P(DejaVuTest, AStreamThatIsNotFiniteIsNamed) {
  model_->layers()[0].dense(Slot::kDown).weight().fill_(std::numeric_limits<float>::infinity());
  RecordingContext context(calibration_, 0, {});
  try {
    (void)trace(*model_, context, params_of(kShort));
    FAIL() << "traced infinity";
  } catch (const NonFiniteValue& error) {
    EXPECT_THAT(error.what(), HasSubstr("layer 1"));
  }
}

TEST_P(DejaVuTest, RefusesRanksAboveTheWidthAndLabelsThatSayNothing) {
  const auto unmet = [&](const Json& given) {
    return method().unmet(model_->spec(), params_of(given));
  };
  EXPECT_TRUE(unmet({{"ffn_labels", "largest"}, {"ffn_rank", 32}}).empty());
  EXPECT_EQ(unmet({{"ffn_labels", "largest"}, {"ffn_rank", 33}}).size(), 1u);
  EXPECT_EQ(unmet({{"ffn_labels", "largest"}, {"predictor_bits", 5}}).size(), 1u);
  const bool relu = GetParam() == TinyFamily::kOpt;
  EXPECT_EQ(unmet({{"ffn_labels", "fired"}}).empty(), relu);
}

TEST_P(DejaVuTest, AThresholdLeavesHeadsOutToo) {
  ModelSpec spec = model_->spec();
  spec.qk_norm = QkNorm::kProjection;
  const auto unmet = [&](const Json& given) { return method().unmet(spec, params_of(given)); };
  const Json labels = {{"ffn_labels", "largest"}};
  EXPECT_TRUE(unmet(labels).empty());
  EXPECT_EQ(unmet(with(labels, {{"head_density", 0.5}})).size(), 1U);
  EXPECT_THAT(unmet(with(labels, {{"select", "threshold"}})),
              ElementsAre(HasSubstr("set head_density = 1 and select = 'top'")));
}

TEST_P(DejaVuTest, AllTokensOfItemsAreTraced) {
  const AnsweredItems items{{{{5, 6, 7}, 2}, {{8, 9}, 1}, {{10, 11, 12, 13, 14, 15}, 4}}};
  RecordingContext context({}, 0, {});
  context.answered = &items;
  const Artefact found = trace(*model_, context, params_of(kShort));
  std::map<std::string, std::vector<at::Tensor>> expected;
  for (const AnsweredItem& item : items.items) {
    RecordingContext alone(at::tensor(item.tokens, at::kLong).unsqueeze(0), 0, {});
    for (const auto& [name, rows] : trace(*model_, alone, params_of(kShort)).tensors) {
      ASSERT_EQ(rows.size(0), std::ssize(item.tokens)) << name;
      expected[name].push_back(rows);
    }
  }
  ASSERT_EQ(found.tensors.size(), expected.size());
  for (const auto& [name, parts] : expected) {
    EXPECT_TRUE(found.tensors.at(name).equal(at::cat(parts))) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Families, DejaVuTest,
                         ::testing::Values(TinyFamily::kLlama, TinyFamily::kOpt));

TEST(Lookahead, NamesTheStreamsOfPaperAndCode) {
  const auto place = [](const char* lookahead, RoutingSite site) {
    return predicted_from(lookahead, site, 5);
  };
  constexpr RoutingSite kAttention = RoutingSite::kHeads, kFfn = RoutingSite::kNeurons;
  EXPECT_EQ(place("latency_code", kFfn), (StreamPlace{4, kFfn}));
  EXPECT_EQ(place("latency_code", kAttention), (StreamPlace{4, kAttention}));
  EXPECT_EQ(place("training_code", kFfn), (StreamPlace{5, kFfn}));
  EXPECT_EQ(place("accuracy_code", kFfn), (StreamPlace{5, kAttention}));
  EXPECT_EQ(place("paper_equations", kFfn), (StreamPlace{4, kAttention}));
  EXPECT_EQ(place("paper_figure", kAttention), (StreamPlace{4, kFfn}));
}

}  // namespace
}  // namespace dejavu
}  // namespace assay
