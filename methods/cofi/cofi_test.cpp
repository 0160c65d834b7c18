#include <ATen/CPUGeneratorImpl.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>

#include "harness/base/cell_errors.h"
#include "harness/method/method.h"
#include "harness/method/recording_context.h"
#include "harness/model/packed_sequences.h"
#include "harness/mux/mux_input.h"
#include "harness/mux/mux_output.h"
#include "harness/train/item_batches.h"
#include "harness/train/train_fixture.h"
#include "methods/cofi/distillation.h"
#include "methods/cofi/stages.h"

namespace assay {
void register_cofi(MethodRegistry& registry);
}

namespace assay::cofi {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Optional;

const Method& method() { return sole_method(register_cofi); }
Params params(const Json& given) { return {method().info().params, given}; }

LabelledItems some_items(std::int64_t count) {
  LabelledItems items;
  items.offsets = {0};
  for (std::int32_t i = 0; i < count; ++i) {
    for (std::int32_t t = 0; t < 3 + i % 4; ++t) {
      items.tokens.push_back(t == 0 ? 1 : 5 + (i * 7 + t * 3) % 60);
      items.token_types.push_back(0);
    }
    items.offsets.push_back(static_cast<std::int64_t>(items.tokens.size()));
    items.labels.push_back(i % 3);
  }
  items.label_names = {"LABEL_0", "LABEL_1", "LABEL_2"};
  items.lines.assign(items.labels.size(), 1);
  items.hashes.assign(items.labels.size(), "0123456789abcdef");
  items.text_hashes = items.hashes;
  return items;
}

class CoFiTest : public testing::Test {
 protected:
  CoFiTest() { context_.training_items = &items_; }
  Model model_ = Model::load(encoder_folder() / "bert_classifier", {});
  LabelledItems items_ = some_items(32);
  RecordingContext context_{{}, 3, {}};
};

const Json kQuick = {{"sparsity", 0.5},  {"epochs", 60},          {"batch", 8},
                     {"gate_rate", 0.1}, {"learning_rate", 1e-4}, {"finetune_epochs", 0}};

/// The controller holds its target, and what is left is what was said.
TEST_F(CoFiTest, PrunesToItsTarget) {
  const Artefact artefact = method().fit(model_, context_, params(kQuick));
  EXPECT_NEAR(context_.metrics.at("prune/expected_sparsity"), 0.5, 0.03);
  Model small = model_.clone();
  method().apply(small, artefact);
  EXPECT_LT(small.cost().params, model_.cost().params);
  double heads = 0, neurons = 0;
  for (std::int64_t l = 0; l < small.layer_count(); ++l) {
    const LayerShape& shape = small.spec().layer(l);
    heads += shape.has_attention ? static_cast<double>(shape.heads) : 0;
    neurons += shape.has_ffn ? static_cast<double>(shape.ffn_width) : 0;
  }
  double kept_heads = 0, kept_neurons = 0;
  for (const auto& [name, value] : context_.metrics) {
    if (name.starts_with("prune/kept_heads/layer.")) kept_heads += value;
    if (name.starts_with("prune/kept_neurons/layer.")) kept_neurons += value;
  }
  EXPECT_EQ(heads, kept_heads);
  EXPECT_EQ(neurons, kept_neurons);
  EXPECT_EQ(context_.metrics.at("prune/kept_dimensions"), static_cast<double>(small.spec().width));
}

/// Without training the extracted model's tables and classifier are the whole one's, times what the
/// gates of the dimensions that stayed have settled at.
TEST_F(CoFiTest, GatesOfTheWidthNarrowTheModel) {
  Json given = kQuick;
  given["sparsity"] = 0.8;
  const Artefact artefact = method().fit(model_, context_, params(given));
  Model small = model_.clone();
  method().apply(small, artefact);
  const std::int64_t width = model_.spec().width;
  ASSERT_LT(small.spec().width, width);
  EXPECT_EQ(small.spec().pooler_width, width);
  const at::Tensor kept = artefact.tensors.at("dimensions");
  const auto gate_of = [&](Slot slot) {
    const at::Tensor ratio =
        small.parameter({-1, slot}) / model_.parameter({-1, slot}).index_select(1, kept);
    EXPECT_TRUE(ratio.allclose(ratio.select(0, 0).expand_as(ratio), 1e-4, 1e-5));
    return ratio.select(0, 0);
  };
  const at::Tensor gates = gate_of(Slot::kEmbedding);
  EXPECT_TRUE(gates.allclose(gate_of(Slot::kPositions), 1e-4, 1e-5));
  EXPECT_GT(gates.min().item<double>(), 0);
  EXPECT_LT(gates.max().item<double>(), 1);
}

TEST_F(CoFiTest, ASparsityOutOfReachIsRefused) {
  Json given = kQuick;
  given.update({{"sparsity", 0.999}, {"prune_width", false}});
  EXPECT_THAT([&] { static_cast<void>(method().fit(model_, context_, params(given))); },
              testing::ThrowsMessage<DoesNotApply>(HasSubstr("sparsity 0.999 is out of reach")));
  EXPECT_TRUE(context_.steps.empty());
}

TEST_F(CoFiTest, ASparsityThatWasNotReachedIsSaid) {
  Json given = kQuick;
  given["max_steps"] = 2;
  static_cast<void>(method().fit(model_, context_, params(given)));
  ASSERT_EQ(context_.warnings.size(), 1U);
  EXPECT_EQ(context_.warnings[0].first, "sparsity_not_reached");
  EXPECT_THAT(context_.warnings[0].second, HasSubstr("0.500 was wanted"));
}

TEST_F(CoFiTest, FinetuningBringsTheStudentNearer) {
  const auto loss_after = [&](std::int64_t epochs) {
    RecordingContext context({}, 3, {});
    context.training_items = &items_;
    Json given = kQuick;
    given.update({{"epochs", 10}, {"finetune_epochs", epochs}, {"finetune_rate", 1e-3}});
    static_cast<void>(method().fit(model_, context, params(given)));
    return context.metrics.at("finetune/loss");
  };
  EXPECT_LT(loss_after(20), 0.8 * loss_after(1));
}

TEST_F(CoFiTest, AFitThatIsInterruptedEndsWithTheSameBits) {
  Json given = kQuick;
  given.update({{"epochs", 2}, {"finetune_epochs", 1}});
  const Artefact whole = method().fit(model_, context_, params(given));
  RecordingContext again({}, 3, {});
  again.training_items = &items_;
  for (const std::int64_t at : {3, 2, 3}) {
    again.interrupt_at = std::ssize(again.steps) + at;
    EXPECT_THROW(static_cast<void>(method().fit(model_, again, params(given))), Interrupted);
  }
  again.interrupt_at = -1;
  const Artefact resumed = method().fit(model_, again, params(given));
  EXPECT_EQ(resumed.plan, whole.plan);
  ASSERT_EQ(resumed.tensors.size(), whole.tensors.size());
  for (const auto& [name, tensor] : whole.tensors) {
    EXPECT_TRUE(at::equal(tensor, resumed.tensors.at(name))) << name;
  }
}

TEST_F(CoFiTest, WhatIsFrozenStaysInBothStages) {
  const auto changed = [&](const char* freeze) {
    RecordingContext context({}, 3, {});
    context.training_items = &items_;
    Json given = kQuick;
    given.update(
        {{"epochs", 2}, {"finetune_epochs", 1}, {"freeze", freeze}, {"prune_width", false}});
    const Artefact artefact = method().fit(model_, context, params(given));
    return std::pair(artefact.tensors.contains("embedding.weight"),
                     artefact.tensors.contains("positions.weight"));
  };
  EXPECT_EQ(changed("all_embeddings"), std::pair(false, false));
  EXPECT_EQ(changed("all_but_word"), std::pair(true, false));
  EXPECT_EQ(changed("none"), std::pair(true, true));
}

TEST_F(CoFiTest, AnEncoderWithoutAClassifierIsUnmet) {
  const Model plain = Model::load(encoder_folder() / "bert_model", {});
  EXPECT_THAT(method().unmet(plain.spec(), params({})),
              ElementsAre(testing::HasSubstr("put finetune before it")));
  EXPECT_THAT(method().unmet(model_.spec(), params({})), testing::IsEmpty());
}

/// The streams after each layer are those of single layers one after the other.
TEST_F(CoFiTest, LayersAreWhatTheyGive) {
  const at::NoGradGuard guard;
  const at::Tensor tokens = at::arange(6, at::kLong).view({1, 6});
  const LayerPass pass = pass_with_layers(model_, pack_sequences({tokens[0]}));
  at::Tensor rows = model_.embed(tokens);
  for (std::int64_t l = 0; l < model_.layer_count(); ++l) {
    rows = model_.run_layer(model_.layers()[static_cast<std::size_t>(l)], l, rows, 1);
    EXPECT_LE(relative_error(pass.layers[static_cast<std::size_t>(l)], rows), 1e-6);
  }
  EXPECT_LE(relative_error(pass.scores, model_.sequence_logits(tokens)), 1e-6);
}

/// PruMUX: the whole multiplexed model teaches the pruned one; five items do not fill groups of
/// two.
TEST_F(CoFiTest, PrunesAMultiplexedModel) {
  const auto generator = at::make_generator<at::CPUGeneratorImpl>(2);
  const std::int64_t width = model_.spec().width;
  const auto embedding = dynamic_cast<const EmbeddingInput&>(model_.input());
  model_.replace_input(std::make_unique<mux::MuxInput>(
      embedding,
      std::make_unique<mux::HadamardMultiplexer>(mux::gaussian_keys(2, width, 4, generator)),
      mux::MuxForm{}));
  model_.replace_output(
      std::make_unique<mux::MuxClassifier>(
          std::make_unique<mux::IndexDemultiplexer>(
              mux::start_index_demux(2, width, 3, 0.2, 1e-12, generator)),
          DenseLinear(at::empty({3, width}).normal_(0, 0.2, generator), at::zeros({3}))),
      {.kind = OutputKind::kClassifier, .classes = 3, .labels = items_.label_names});
  const LabelledItems five = chosen_items(items_, std::vector<std::int64_t>{0, 1, 2, 3, 4});
  const PackedTokens packed = pack_items(five, std::vector<std::int64_t>{0, 1, 2, 3, 4}, at::kCPU);
  {
    const at::NoGradGuard guard;
    EXPECT_TRUE(pass_with_layers(model_, packed)
                    .scores.allclose(model_.sequence_logits(packed), 1e-5, 1e-6));
  }
  Json given = kQuick;
  given.update({{"epochs", 10}, {"finetune_epochs", 1}});
  const Artefact artefact = method().fit(model_, context_, params(given));
  EXPECT_TRUE(artefact.tensors.contains("demux.dense.0.weight"));
  Model small = model_.clone();
  method().apply(small, artefact);
  EXPECT_EQ(small.sequence_logits(packed).size(0), 5);
  const std::int64_t left = small.spec().width;
  EXPECT_EQ(artefact.tensors.at("mux.keys").size(1), left);
  EXPECT_EQ(artefact.tensors.at("demux.keys").size(1), left);
  EXPECT_EQ(artefact.tensors.at("demux.dense.0.weight").size(1), 2 * left);
  EXPECT_EQ(artefact.tensors.at("demux.dense.0.weight").size(0), width);
  // Not gated, keys stay what they are.
  given["prune_width"] = false;
  RecordingContext again({}, 3, {});
  again.training_items = &items_;
  EXPECT_FALSE(method().fit(model_, again, params(given)).tensors.contains("mux.keys"));
}

/// Adds up whatever comes, and does not say how it would do so with fewer dimensions.
class Opaque final : public mux::Multiplexer {
 public:
  [[nodiscard]] std::int64_t instances() const override { return 2; }
  [[nodiscard]] at::Tensor mix(const at::Tensor& instances) const override {
    return instances.sum(1);
  }
  [[nodiscard]] std::int64_t macs() const override { return 0; }
  void visit_tensors(const VisitTensor&) override {}
  [[nodiscard]] std::unique_ptr<Multiplexer> share() const override {
    return std::make_unique<Opaque>();
  }
};

TEST_F(CoFiTest, AWidthThatCannotBeCutIsRefusedBeforeTraining) {
  const auto embedding = dynamic_cast<const EmbeddingInput&>(model_.input());
  model_.replace_input(
      std::make_unique<mux::MuxInput>(embedding, std::make_unique<Opaque>(), mux::MuxForm{}));
  EXPECT_THAT(
      [&] { static_cast<void>(method().fit(model_, context_, params(kQuick))); },
      testing::ThrowsMessage<DoesNotApply>(HasSubstr("prune_width = true: this multiplexer")));
  EXPECT_TRUE(context_.steps.empty());
}

TEST(Alignment, TaughtLayersAreTheLastOfEqualParts) {
  EXPECT_THAT(teacher_layers(12), ElementsAre(2, 5, 8, 11));
  EXPECT_THAT(teacher_layers(6), ElementsAre(1, 3, 5));
  EXPECT_THAT(teacher_layers(2), ElementsAre(1));
  EXPECT_THAT(teacher_layers(1), ElementsAre(0));
}

TEST(Alignment, FollowsItsVersion) {
  // Students 0, 2 and 5 of the whole model; columns: taught layers 1, 3 and 5.
  const at::Tensor distance =
      at::tensor({3.F, 1.F, 9.F, 1.F, 2.F, 1.F, 2.F, 3.F, 4.F}).view({3, 3});
  const std::vector<std::int64_t> taught = {1, 3, 5}, numbers = {0, 2, 5};
  // From the top: 5 takes the student at 1, below it only 0 is left for 3, and none for 1.
  EXPECT_THAT(aligned(distance, taught, numbers, Alignment::kDescending),
              ElementsAre(std::nullopt, Optional(0), Optional(1)));
  EXPECT_THAT(aligned(distance, taught, numbers, Alignment::kNearest),
              ElementsAre(Optional(1), Optional(0), Optional(1)));
  EXPECT_THAT(aligned(distance, taught, numbers, Alignment::kSame),
              ElementsAre(std::nullopt, std::nullopt, Optional(2)));
}

/// Rows with zeros where a student has no dimensions, through the whole transform.
TEST(Transform, OfANarrowStudentReadsZerosElsewhere) {
  const DenseLinear whole(at::arange(16, at::kFloat).view({4, 4}), at::arange(4, at::kFloat));
  const at::Tensor narrow = at::tensor({2.F, -1.F}).view({1, 2});
  const at::Tensor wide = at::tensor({0.F, 2.F, 0.F, -1.F}).view({1, 4});
  EXPECT_TRUE(transform_of(whole, {1, 3}).forward(narrow).equal(whole.forward(wide)));
  EXPECT_TRUE(transform_of(whole, {0, 1, 2, 3}).forward(wide).equal(whole.forward(wide)));
}

TEST(Distillation, IsTheSumOfItsParts) {
  const at::Tensor a = at::arange(8, at::kFloat).view({2, 4}), b = a * 0.5;
  const LayerPass student{.layers = {a}, .scores = at::tensor({1.F, 2.F}).view({1, 2})};
  const LayerPass teacher{.layers = {b, b}, .scores = at::tensor({2.F, 1.F}).view({1, 2})};
  const DenseLinear transform = start_transform(4);
  const DistillationSettings settings{.layer_weight = 0.5, .label_weight = 0.25};
  const double found = distillation(student, teacher, {1}, transform, settings).item<double>();
  // mean (a - a / 2)^2 = (0 + 1 + ... + 49) / 4 / 8; KL of softmax([1, .5]) from softmax([.5, 1]).
  const double squared = 140.0 / 4 / 8;
  const double p = 1 / (1 + std::exp(-0.5));
  const double kl = p * std::log(p / (1 - p)) + (1 - p) * std::log((1 - p) / p);
  EXPECT_NEAR(found, 0.5 * squared + 0.25 * 4 * kl, 1e-5);
}

}  // namespace
}  // namespace assay::cofi
