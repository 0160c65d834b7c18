// Blocks that run a part of their heads and neurons: against zeroed columns of the dense model, and
// their two forms against each other.
#include <ATen/core/grad_mode.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <tuple>

#include "harness/base/cell_errors.h"
#include "harness/contextual/routed_ffn.h"
#include "harness/contextual/routed_fixture.h"

namespace assay {
namespace {

constexpr std::int64_t kLength = 14, kPrompt = 5, kHeads = 4, kNeurons = 64;

class RoutedBlocks : public ::testing::TestWithParam<std::tuple<TinyFamily, at::ScalarType>> {
 protected:
  RoutedBlocks() {
    at::manual_seed(4);
    write_tiny_model(place_.scratch() / "model", std::get<0>(GetParam()), 5);
    LoadOptions options;
    options.dtype = dtype();
    model_.emplace(Model::load(place_.scratch() / "model", options));
    heads_ = any_masks(kLength, kHeads);
    neurons_ = any_masks(kLength, kNeurons);
  }
  [[nodiscard]] at::ScalarType dtype() const { return std::get<1>(GetParam()); }
  [[nodiscard]] double tolerance() const { return dtype() == at::kFloat ? 1e-5 : 3e-2; }
  [[nodiscard]] at::Tensor tokens(std::int64_t batch) const {
    return at::randint(0, kTinyVocab, {batch, kLength}, at::kLong);
  }
  /// In the layers behind the first.
  [[nodiscard]] Model routed(Routing routing, bool heads = true, bool neurons = true) const {
    Model changed = model_->clone();
    routing.keeps_streams = true;
    route_model(changed, routing, [&](std::int64_t layer) {
      RoutedParts parts;
      if (layer > 0 && heads) parts.heads = std::make_unique<ByPosition>(heads_);
      if (layer > 0 && neurons) parts.neurons = std::make_unique<ByPosition>(neurons_);
      return parts;
    });
    return changed;
  }
  /// The dense model without what row 0 of the masks leaves out, everywhere behind layer 0.
  [[nodiscard]] Model zeroed() const {
    Model changed = model_->clone();
    for (std::size_t i = 1; i < changed.layers().size(); ++i) {
      const Layer& layer = changed.layers()[i];
      const at::Tensor columns = heads_[0].repeat_interleave(model_->spec().layer(1).head_dim);
      layer.dense(Slot::kO).weight().mul_(columns);
      layer.dense(Slot::kDown).weight().mul_(neurons_[0]);
    }
    return changed;
  }

  const at::NoGradGuard as_in_the_worker_;
  RecordingContext place_{{}, 0, {}};
  std::optional<Model> model_;
  at::Tensor heads_, neurons_;
};

TEST_P(RoutedBlocks, LeaveOutWhatZeroedColumnsWould) {
  heads_ = heads_.select(0, 0).expand({kLength, kHeads});
  neurons_ = neurons_.select(0, 0).expand({kLength, kNeurons});
  const at::Tensor text = tokens(2);
  const at::Tensor expected = scored(zeroed(), text);
  EXPECT_LT(apart(scored(routed({}), text), expected), tolerance());
  EXPECT_LT(apart(decoded(routed({}), text, kPrompt), expected), tolerance());
  EXPECT_GT(apart(scored(*model_, text), expected), 3 * tolerance()) << "changes nothing";
}

TEST_P(RoutedBlocks, GatherWhatTheyMask) {
  for (const bool heads : {true, false}) {
    for (const bool neurons : {true, false}) {
      const Model model = routed({}, heads, neurons);
      for (const std::int64_t batch : {1, 3}) {
        const at::Tensor text = tokens(batch);
        EXPECT_LT(apart(decoded(model, text, kPrompt), scored(model, text)), tolerance())
            << "heads " << heads << ", neurons " << neurons << ", batch " << batch;
      }
    }
  }
}

TEST_P(RoutedBlocks, WithoutAChooserAreTheDenseModelBitForBit) {
  const Model watched = routed({}, false, false);
  const at::Tensor text = tokens(2);
  EXPECT_TRUE(scored(watched, text).equal(scored(*model_, text)));
  EXPECT_TRUE(decoded(watched, text, kPrompt).equal(decoded(*model_, text, kPrompt)));
}

TEST_P(RoutedBlocks, ManySequencesThatChooseAlikeRunThatByEveryRule) {
  const at::Tensor text = tokens(3);
  for (const BatchRule rule : {BatchRule::kUnion, BatchRule::kVotes}) {
    Routing routing;
    routing.batch = rule;
    // Equal positions choose alike, so that the union, or most votes, is what each has.
    const Model model = routed(routing);
    EXPECT_LT(apart(decoded(model, text, kPrompt), scored(model, text)), tolerance());
  }
}

TEST_P(RoutedBlocks, AboveADensityEverythingRuns) {
  Routing routing;
  routing.dense_above = 0.1;
  const Model model = routed(routing);
  const at::Tensor text = tokens(1);
  EXPECT_LT(apart(scored(model, text), scored(*model_, text)), tolerance());
  EXPECT_LT(apart(decoded(model, text, kPrompt), scored(*model_, text)), tolerance());
}

TEST_P(RoutedBlocks, APromptsLastTokenChoosesForWhatFollows) {
  Routing routing;
  routing.source = MaskSource::kPromptLast;
  const Model model = routed(routing);
  const at::Tensor text = tokens(2);
  // As if every position behind the prompt had the mask of the prompt's last token, and the prompt
  // ran whole.
  heads_ = heads_.select(0, kPrompt - 1).expand({kLength, kHeads}).clone();
  neurons_ = neurons_.select(0, kPrompt - 1).expand({kLength, kNeurons}).clone();
  heads_.narrow(0, 0, kPrompt).fill_(true);
  neurons_.narrow(0, 0, kPrompt).fill_(true);
  const at::Tensor expected = scored(routed({}), text);
  EXPECT_LT(apart(model.logits(model.hidden(text, nullptr, kPrompt)), expected), tolerance());
  EXPECT_LT(apart(decoded(model, text, kPrompt), expected), tolerance());
  EXPECT_THROW((void)model.hidden(text), DoesNotApply) << "a text without a prompt";
}

TEST_P(RoutedBlocks, TheLastTokenOfAWindowChoosesForAllOfIt) {
  Routing routing;
  routing.source = MaskSource::kWindowLast;
  const Model model = routed(routing);
  const at::Tensor text = tokens(2);
  heads_ = heads_.select(0, kLength - 1).expand({kLength, kHeads});
  neurons_ = neurons_.select(0, kLength - 1).expand({kLength, kNeurons});
  EXPECT_LT(apart(scored(model, text), scored(routed({}), text)), tolerance());
  EXPECT_THROW((void)decoded(model, text, kPrompt), DoesNotApply);
}

/// Sums what blocks say of each row.
class Sums final : public StepObserver {
 public:
  void observe(std::int64_t, const StepFact& fact, const at::Tensor& values) override {
    sums[fact.name] += values.sum().item<double>();
  }
  std::map<std::string, double> sums;
};

TEST_P(RoutedBlocks, SayWhatEachTokenRead) {
  Model model = routed({});
  Sums told;
  model.watch(&told);
  (void)scored(model, tokens(1));
  model.watch(nullptr);
  const double neurons = neurons_.sum().item<double>(), heads = heads_.sum().item<double>();
  constexpr double kRouted = 2;  // layers
  EXPECT_NEAR(told.sums["neuron_share"], kRouted * neurons / kNeurons, 1e-4);
  EXPECT_NEAR(told.sums["head_share"], kRouted * heads / kHeads, 1e-4);
  const bool gated = std::get<0>(GetParam()) == TinyFamily::kLlama;
  const auto element = static_cast<double>(c10::elementSize(dtype()));
  const double width = 32, head = 8;
  const double neuron = ((gated ? 3 : 2) * width + (gated ? 0 : 1)) * element;
  const double a_head = (2 * head * width + (gated ? 0 : head)) * element;
  EXPECT_NEAR(told.sums["touched_bytes"], kRouted * (neurons * neuron + heads * a_head), 1);
  // All units together read what the dense model reads.
  const Cost dense = model_->cost(), part = model.cost();
  EXPECT_EQ(part.touched_bytes +
                static_cast<std::int64_t>(kRouted * (kNeurons * neuron + kHeads * a_head)),
            dense.touched_bytes);
  EXPECT_EQ(part.resident_bytes, dense.resident_bytes);
}

TEST_P(RoutedBlocks, ThatRunAllChooseAndComputeTheDenseModelBitForBit) {
  Routing routing;
  routing.runs_all = true;
  Model model = routed(routing);
  const at::Tensor text = tokens(1);
  Sums told;
  model.watch(&told);
  EXPECT_TRUE(scored(model, text).equal(scored(*model_, text)));
  model.watch(nullptr);
  EXPECT_TRUE(decoded(model, text, kPrompt).equal(decoded(*model_, text, kPrompt)));
  EXPECT_NEAR(told.sums["neuron_share"], 2.0 * kLength, 1e-4) << "of two layers' rows";
  EXPECT_NEAR(told.sums["head_share"], 2.0 * kLength, 1e-4);
  EXPECT_EQ(
      model.cost().touched_bytes + static_cast<std::int64_t>(told.sums["touched_bytes"]) / kLength,
      model_->cost().touched_bytes);
}

TEST_P(RoutedBlocks, SayHowManyOfThoseThatMatteredTheyRan) {
  Model model = routed({});
  Sums told;
  const at::Tensor text = tokens(1);
  model.watch(&told);
  (void)scored(model, text);
  model.watch(nullptr);
  // Down's input is what is left of the neurons: a second look at the same pass, by a recorder.
  class Left final : public ActivationRecorder {
   public:
    void record(std::int64_t layer, Tap tap, const at::Tensor& rows, const StepContext&) override {
      if (tap == Tap::kDownInput && layer > 0) hits += rows.ne(0).sum(1).to(at::kDouble);
    }
    at::Tensor hits = at::zeros({kLength}, at::kDouble);
  } left;
  (void)model.hidden(text, &left);
  const bool relu = std::get<0>(GetParam()) == TinyFamily::kOpt;
  const at::Tensor chosen = neurons_.sum(1).to(at::kDouble);
  if (relu) {  // chosen neurons that the ReLU let through are hits
    EXPECT_NEAR(told.sums["neuron_precision"], left.hits.div(chosen).sum().item<double>(), 1e-3);
    EXPECT_GT(told.sums["neuron_recall"], 0);
  } else {  // as many as were chosen: the two are one number
    EXPECT_NEAR(told.sums["neuron_precision"], told.sums["neuron_recall"], 1e-4);
  }
  EXPECT_GT(told.sums["head_recall"], 0);
  EXPECT_LT(told.sums["head_recall"], 2.0 * kLength);
}

TEST_P(RoutedBlocks, AChangedLaterTokenChangesNoEarlierLogitUnlessTheWindowChooses) {
  const at::Tensor text = tokens(1);
  at::Tensor other = text.clone();
  other[0][kLength - 1] = (text[0][kLength - 1].item<std::int64_t>() + 1) % kTinyVocab;
  for (const MaskSource source : {MaskSource::kPerToken, MaskSource::kWindowLast}) {
    Routing routing;
    routing.source = source;
    Model model = model_->clone();
    route_model(model, routing, [&](std::int64_t) {
      RoutedParts parts;
      parts.heads = std::make_unique<WhatIsPositive>(kHeads);
      return parts;
    });
    const bool same = scored(model, text)
                          .narrow(0, 0, kLength - 1)
                          .equal(scored(model, other).narrow(0, 0, kLength - 1));
    EXPECT_EQ(same, source == MaskSource::kPerToken);
  }
}

TEST_P(RoutedBlocks, RefuseABlockThatAnotherMethodReplaced) {
  Model model = routed({});
  EXPECT_THROW(require_dense_ffn(model, 1), DoesNotApply);
  EXPECT_THROW(require_dense_attention(model, 1), DoesNotApply);
  EXPECT_THROW((void)model.layers()[1].dense(Slot::kDown), DoesNotApply);
}

std::string name_of(const ::testing::TestParamInfo<std::tuple<TinyFamily, at::ScalarType>>& info) {
  const bool llama = std::get<0>(info.param) == TinyFamily::kLlama;
  const bool wide = std::get<1>(info.param) == at::kFloat;
  return std::string(llama ? "llama" : "opt") + (wide ? "_fp32" : "_bf16");
}

INSTANTIATE_TEST_SUITE_P(Models, RoutedBlocks,
                         ::testing::Combine(::testing::Values(TinyFamily::kLlama, TinyFamily::kOpt),
                                            ::testing::Values(at::kFloat, at::kBFloat16)),
                         name_of);

at::Tensor mask(const std::vector<std::int64_t>& values, std::int64_t rows) {
  return at::tensor(values, at::kLong).to(at::kBool).view({rows, -1});
}

TEST(BatchRules, UnionAndVotes) {
  const at::Tensor masks = mask({1, 1, 0, 0, 0, 1, 0, 1, 0, 1, 1, 0}, 3);
  StepContext step;
  step.phase = Phase::kDecode;
  Routing routing;
  EXPECT_TRUE(ruled(routing, step, masks).equal(masks));
  routing.batch = BatchRule::kUnion;
  EXPECT_TRUE(ruled(routing, step, masks).equal(mask({1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, 3)));
  routing.batch = BatchRule::kVotes;  // three for the second; the first of those with one
  EXPECT_TRUE(ruled(routing, step, masks).equal(mask({1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0}, 3)));
  step.phase = Phase::kScore;
  EXPECT_TRUE(ruled(routing, step, masks).equal(masks)) << "a pass that scores takes rows alone";
}

TEST(BatchRules, TheFallbackIsOfTheRowThatRunsTooMany) {
  Routing routing;
  routing.dense_above = 0.5;
  const at::Tensor masks = mask({1, 1, 0, 0, 1, 1, 1, 0}, 2);
  EXPECT_TRUE(ruled(routing, {}, masks).equal(mask({1, 1, 0, 0, 1, 1, 1, 1}, 2)));
}

TEST(CountOfDensity, DropsWholeUnitsAndNeverAll) {
  EXPECT_EQ(count_of_density(1, 8), 8);
  EXPECT_EQ(count_of_density(0.7, 8), 6);  // 30 % of eight are two whole heads
  EXPECT_EQ(count_of_density(0.7, 10), 7);
  EXPECT_EQ(count_of_density(0.5, 1024), 512);
  EXPECT_EQ(count_of_density(0.3, 1024), 308);
  EXPECT_EQ(count_of_density(0.01, 8), 1);
}

}  // namespace
}  // namespace assay
