#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/stack.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "harness/base/cell_errors.h"
#include "harness/contextual/criteria.h"
#include "harness/contextual/evidence.h"
#include "harness/contextual/predictor_artefact.h"
#include "harness/contextual/routed_attention.h"
#include "harness/contextual/routed_ffn.h"
#include "harness/contextual/routed_fixture.h"
#include "methods/shadowllm/shadow_choice.h"
#include "methods/shadowllm/traces.h"

namespace assay {
void register_shadowllm(MethodRegistry& registry);

namespace shadowllm {
namespace {

constexpr std::int64_t kLength = 12;

const Method& method() { return sole_method(register_shadowllm); }

TEST(MasksOf, RowsAreChosenAsTheSharedChoiceDoes) {
  const std::vector<std::int64_t> units{8, 8, 5, 8};
  const at::Tensor scores = at::rand({6, 29});
  for (const ChoiceStyle style : {ChoiceStyle::kGlobal, ChoiceStyle::kPerLayer,
                                  ChoiceStyle::kHybrid, ChoiceStyle::kHybridCompat}) {
    for (const double density : {0.9, 0.5, 0.3}) {
      const AllLayers all{units, density, style, 0.25, 1};
      const at::Tensor masks = masks_of(all, scores);
      for (std::int64_t r = 0; r < scores.size(0); ++r) {
        const Choice one =
            choose(scores[r].split_with_sizes(units, 0), {.style = style,
                                                          .drop = 1 - density,
                                                          .floor = 0.25,
                                                          .compat_floor = 1,
                                                          .dense_first_layer = false});
        EXPECT_TRUE(masks[r].equal(at::cat(one.kept))) << static_cast<int>(style) << ", " << r;
      }
    }
  }
}

class ShadowTest : public ::testing::TestWithParam<TinyFamily> {
 protected:
  ShadowTest() {
    at::manual_seed(3);
    write_tiny_model(place_.scratch() / "model", GetParam(), 8);
    model_.emplace(Model::load(place_.scratch() / "model", LoadOptions{}));
    text_ = at::randint(0, kTinyVocab, {2, kLength}, at::kLong);
    calibration_ = at::randint(0, kTinyVocab, {30, 16}, at::kLong);
  }
  Artefact fitted(const Json& given, std::uint64_t seed = 0) {
    RecordingContext context(calibration_, seed, {});
    return method().fit(*model_, context, {method().info().params, given});
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
};

const Json kShort = {{"head_density", 0.5}, {"head_epochs", 3}, {"ffn_epochs", 3}};

Json with(Json given, const Json& more) {
  given.update(more);
  return given;
}

TEST_P(ShadowTest, WhatIsDecodedIsWhatWasScored) {
  for (const Json& more : std::vector<Json>{{{"prune_style", "global"}},
                                            {{"prune_style", "local"}},
                                            {{"prune_style", "hybrid"}},
                                            {{"ffn_mask", false}},
                                            {{"predictor", "per_layer"}, {"prune_style", "local"}},
                                            {{"predictor_bits", 8}}}) {
    const Model model = applied(with(kShort, more));
    for (const std::int64_t batch : {2, 1}) {  // masked, and gathered
      const at::Tensor text = text_.narrow(0, 0, batch);
      EXPECT_LT(apart(decoded(model, text, 4), scored(model, text)), 1e-5) << more.dump();
    }
    EXPECT_GT(apart(scored(model, text_), scored(*model_, text_)), 1e-3) << "changes nothing";
  }
}

TEST_P(ShadowTest, EverythingIsTheDenseModelBitForBit) {
  const Model model = applied(with(kShort, {{"head_density", 1.0}, {"ffn_density", 1.0}}));
  EXPECT_TRUE(scored(model, text_).equal(scored(*model_, text_)));
}

TEST_P(ShadowTest, ReleasedEvaluationSeesWhatComesLater) {
  at::Tensor other = text_.clone();
  other.select(1, kLength - 1).add_(1).remainder_(kTinyVocab);
  bool seen = false;
  for (const char* source : {"per_token", "window_last"}) {
    const Model model = applied(with(kShort, {{"mask_source", source}}));
    const auto early = [&](const at::Tensor& text) {
      return scored(model, text).view({2, kLength, -1}).narrow(1, 0, kLength - 1).contiguous();
    };
    const bool same = early(text_).equal(early(other));
    if (std::string(source) == "per_token")
      EXPECT_TRUE(same);
    else
      seen = !same;
  }
  EXPECT_TRUE(seen) << "'window_last' looks no further than 'per_token'";
}

TEST_P(ShadowTest, EqualSeedsGiveEqualBits) {
  const Artefact once = fitted(kShort, 5), again = fitted(kShort, 5), other = fitted(kShort, 6);
  ASSERT_FALSE(once.tensors.empty());
  bool differs = false;
  for (const auto& [name, tensor] : once.tensors) {
    EXPECT_TRUE(tensor.equal(again.tensors.at(name))) << name;
    differs = differs || !tensor.equal(other.tensors.at(name));
  }
  EXPECT_TRUE(differs) << "the seed decides nothing";
}

/// Shares of heads and neurons over all layers that choose.
class Shares final : public StepObserver {
 public:
  void observe(std::int64_t, const StepFact& fact, const at::Tensor& values) override {
    sums[fact.name] += values.sum().item<double>();
    rows[fact.name] += values.numel();
  }
  [[nodiscard]] double mean(const std::string& name) const {
    return sums.at(name) / static_cast<double>(rows.at(name));
  }
  std::map<std::string, double> sums;
  std::map<std::string, std::int64_t> rows;
};

TEST_P(ShadowTest, TheSharesThatAreToldAreThoseThatRan) {
  Model local = applied(with(kShort, {{"prune_style", "local"}, {"ffn_density", 0.25}}));
  Shares shares;
  local.watch(&shares);
  (void)scored(local, text_);
  local.watch(nullptr);
  EXPECT_NEAR(shares.mean("head_share"), 0.5, 1e-6);
  EXPECT_NEAR(shares.mean("neuron_share"), 0.25, 1e-6);
}

TEST_P(ShadowTest, APromptsChoiceStaysWhileItIsContinued) {
  const Model model = applied(with(kShort, {{"mask_source", "prompt_last"}}));
  constexpr std::int64_t kPrompt = 4;
  const at::Tensor expected = model.logits(model.hidden(text_, nullptr, kPrompt));
  EXPECT_LT(apart(decoded(model, text_, kPrompt), expected), 1e-5);
}

const Json kPerLayer = with(kShort, {{"predictor", "per_layer"}, {"prune_style", "local"}});

/// What the heads of each layer gave that ran, in a text of one token.
std::map<std::int64_t, at::Tensor> contexts_of(const Model& model, const at::Tensor& token) {
  class Contexts final : public ActivationRecorder {
   public:
    void record(std::int64_t layer, Tap tap, const at::Tensor& rows, const StepContext&) override {
      if (tap == Tap::kOutInput) seen[layer] = rows.clone();
    }
    std::map<std::int64_t, at::Tensor> seen;
  } contexts;
  (void)model.hidden(token, &contexts);
  return contexts.seen;
}

/// Of one row, which has run one head: that one.
std::int64_t the_head_that_ran(const at::Tensor& context) {
  const at::Tensor ran = context.view({4, 8}).abs().sum(1).ne(0);
  EXPECT_EQ(ran.sum().item<std::int64_t>(), 1);
  return ran.to(at::kInt).argmax().item<std::int64_t>();
}

TEST_P(ShadowTest, PredictorsOfALayerReadTheLayerBeforeOrTheirOwn) {
  const Json one_head = with(kPerLayer, {{"ffn_density", 1.0}, {"head_density", 1e-9}});
  const Artefact before = fitted(one_head);
  EXPECT_FALSE(before.plan.at("predictors").contains("layer.0.heads"));
  const Artefact own = fitted(with(one_head, {{"predictor", "per_layer_own"}}));
  Model by_before = model_->clone(), by_own = model_->clone();
  method().apply(by_before, before);
  method().apply(by_own, own);
  const auto predicted = [](const Artefact& artefact, const char* name, const at::Tensor& from) {
    const Predictor predictor = load_predictor(artefact, name, at::kCPU);
    return predictor.forward(from).argmax().item<std::int64_t>();
  };
  for (std::int64_t t = 0; t < kLength; ++t) {
    const at::Tensor token = text_.narrow(0, 0, 1).narrow(1, t, 1).contiguous();
    const auto left = contexts_of(by_before, token);
    EXPECT_EQ(the_head_that_ran(left.at(2)), predicted(before, "layer.2.heads", left.at(1)));
    // Layer 1 gets what it gets in the dense model: the first runs whole.
    const auto dense = contexts_of(*model_, token);
    EXPECT_EQ(the_head_that_ran(contexts_of(by_own, token).at(1)),
              predicted(own, "layer.1.heads", dense.at(1)));
  }
}

TEST_P(ShadowTest, PredictorsOfALayerCompareNoOthers) {
  const auto unmet = [&](const Json& given) {
    return method().unmet(model_->spec(), {method().info().params, given});
  };
  EXPECT_TRUE(unmet(kPerLayer).empty());
  EXPECT_EQ(unmet({{"predictor", "per_layer"}}).size(), 1u);
  EXPECT_EQ(unmet({{"predictor", "per_layer_own"}, {"prune_style", "hybrid"}}).size(), 1u);
}

TEST_P(ShadowTest, AllKindsOfPredictorsLearnFromTheSameTraces) {
  for (const StageInfo& stage : method().info().stages) {
    if (stage.name != "traces") continue;
    EXPECT_EQ(stage.params, (std::vector<std::string>{"criterion", "trace_at"}));
  }
  const Model own = applied(with(kPerLayer, {{"predictor", "per_layer_own"}}));
  EXPECT_GT(apart(scored(own, text_), scored(*model_, text_)), 1e-3) << "changes nothing";
  EXPECT_LT(apart(decoded(own, text_, 4), scored(own, text_)), 1e-5);
}

TEST_P(ShadowTest, InputsThatAreScaledInTrainingOnlyChangeTheChoice) {
  const Json single = with(kShort, {{"predictor_bits", 32}});
  const Artefact always = fitted(single),
                 training = fitted(with(single, {{"input_scaling", "training"}}));
  const std::string name = "layer.0.reader.heads";
  EXPECT_TRUE(
      always.tensors.at(name + ".first.weight").equal(training.tensors.at(name + ".first.weight")));
  const at::Tensor rows = at::rand({3, 32}).mul(5);
  const at::Tensor raw = load_predictor(training, name, at::kCPU).forward(rows);
  EXPECT_GT(apart(raw, load_predictor(always, name, at::kCPU).forward(rows)), 1e-2);
}

TEST_P(ShadowTest, ARankAboveTheWidthIsRefused) {
  const auto unmet = [&](std::int64_t rank) {
    return method().unmet(model_->spec(), {method().info().params, {{"head_rank", rank}}});
  };
  EXPECT_TRUE(unmet(32).empty());
  EXPECT_EQ(unmet(33).size(), 1u);
}

TEST_P(ShadowTest, TracesHoldTheFirstLayersContextOfTheLastToken) {
  RecordingContext context(calibration_.narrow(0, 0, 3), 0, {});
  const Artefact traces =
      trace(*model_, context, {method().info().params, {{"criterion", "l2_norm"}}});
  class FirstContext final : public ActivationRecorder {
   public:
    void record(std::int64_t layer, Tap tap, const at::Tensor& rows, const StepContext&) override {
      if (layer == 0 && tap == Tap::kOutInput) seen = rows.clone();
    }
    at::Tensor seen;
  };
  for (std::int64_t i = 0; i < 3; ++i) {
    FirstContext recorder;
    (void)model_->hidden(calibration_.narrow(0, i, 1), &recorder);
    const at::Tensor first = traces.tensors.at("contexts")[i].narrow(0, 0, 32);
    EXPECT_LT(apart(first, recorder.seen.select(0, -1)), 1e-6);
    const at::Tensor norms = recorder.seen.view({16, 4, 8}).square().sum(2).sum(0).sqrt();
    EXPECT_LT(apart(traces.tensors.at("heads")[i].narrow(0, 0, 4), norms), 1e-5);
  }
  EXPECT_EQ(traces.tensors.at("neurons").size(1), 3 * 64);
  EXPECT_EQ(traces.tensors.at("contexts").size(1), 3 * 32);
}

TEST_P(ShadowTest, TracesOfSequencesStandOneBelowTheOther) {
  const at::Tensor texts = calibration_.narrow(0, 0, 3);
  RecordingContext context(texts, 0, {});
  const Artefact traces =
      trace(*model_, context, {method().info().params, {{"criterion", "fisher"}}});
  const Criterion& criterion = criterion_of("fisher");
  const EvidenceSource source(*model_);
  std::map<std::string, std::vector<at::Tensor>> expected;
  for (std::int64_t i = 0; i < 3; ++i) {
    const SequenceEvidence evidence =
        source.collect(texts[i], text_positions(16), criterion.evidence);
    std::vector<at::Tensor> heads, neurons;
    for (const LayerEvidence& layer : evidence.layers) {
      heads.push_back(head_scores(criterion, layer));
      neurons.push_back(neuron_scores(criterion, layer));
    }
    std::vector<at::Tensor> contexts;
    for (const LayerEvidence& layer : evidence.layers) contexts.push_back(layer.context[15]);
    expected["contexts"].push_back(at::cat(contexts));
    expected["heads"].push_back(at::cat(heads));
    expected["neurons"].push_back(at::cat(neurons));
  }
  ASSERT_EQ(traces.tensors.size(), 3U);
  for (const auto& [name, parts] : expected) {
    EXPECT_EQ(traces.tensors.at(name).scalar_type(), at::kFloat) << name;
    EXPECT_TRUE(traces.tensors.at(name).equal(at::stack(parts).to(at::kFloat))) << name;
  }
}

TEST_P(ShadowTest, AnInterruptedTraceGoesOnWithTheSameBits) {
  RecordingContext whole(calibration_, 0, {}), parts(calibration_, 0, {});
  const Params params(method().info().params, kShort);
  const Artefact expected = trace(*model_, whole, params);
  for (const std::int64_t stop : {0, 12, 15}) {  // of what each try has still to do
    parts.steps.clear();
    parts.interrupt_at = stop;
    EXPECT_THROW((void)trace(*model_, parts, params), Interrupted);
  }
  parts.steps.clear();
  parts.interrupt_at = -1;
  const Artefact found = trace(*model_, parts, params);
  EXPECT_TRUE(parts.steps.empty()) << "1 + 13 + 16 of 30 sequences were there";
  ASSERT_EQ(found.tensors.size(), 3U);
  for (const auto& [name, tensor] : expected.tensors) {
    EXPECT_TRUE(found.tensors.at(name).equal(tensor)) << name;
  }
  (void)trace(*model_, parts, {method().info().params, {{"criterion", "fisher"}}});
  EXPECT_EQ(parts.steps.size(), 30U) << "another criterion";
  ASSERT_EQ(parts.warnings.size(), 1U);
  EXPECT_EQ(parts.warnings[0].first, "trace_begun_anew");
}

INSTANTIATE_TEST_SUITE_P(Families, ShadowTest,
                         ::testing::Values(TinyFamily::kLlama, TinyFamily::kOpt));

}  // namespace
}  // namespace shadowllm
}  // namespace assay
