// Encoders against transformers: padded batches there, packed ones here.

#include <ATen/ops/norm.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/model/encoder_golden.h"
#include "harness/model/golden_cases.h"

namespace assay {
namespace {

/// |a - b| / |b|, of all elements together.
double relative_distance(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor wide = b.to(at::kFloat);
  return a.to(at::kFloat).sub(wide).norm().item<double>() / wide.norm().item<double>();
}

class Encoder : public testing::TestWithParam<std::string> {
 protected:
  [[nodiscard]] Model load(at::ScalarType dtype = at::kFloat) const {
    return Model::load(encoder_folder() / GetParam(), {.dtype = dtype});
  }
  GoldenTensors golden_ = read_tensors(encoder_folder() / GetParam() / "expected.safetensors");
};

TEST_P(Encoder, HiddenRowsOfEveryLayerEqualTransformers) {
  const Model model = load();
  const at::Tensor& mask = golden_.at("mask");
  // A model of the first layers alone shows what they compute.
  for (std::int64_t layers = 0; layers <= model.layer_count(); ++layers) {
    Model first = load();
    while (first.layer_count() > layers) first.drop_layer(first.layer_count() - 1);
    const at::Tensor rows = first.hidden_packed(packed_batch(golden_));
    const at::Tensor expected =
        without_padding(golden_.at("hidden_" + std::to_string(layers)), mask);
    EXPECT_LE(relative_error(rows, expected), 1e-5) << layers;
  }
}

TEST_P(Encoder, ScoresOfSequencesEqualTransformers) {
  const std::string name = golden_.contains("logits_f32") ? "logits_f32" : "pooled_f32";
  EXPECT_LE(relative_error(load().sequence_logits(packed_batch(golden_)), golden_.at(name)), 1e-4);
}

// Rounding moves single scores at random, transformers' as well as ours: so many of them are
// compared, and with those of float32 as well.
TEST_P(Encoder, ScoresInBfloat16AreAsGoodAsTransformers) {
  const GoldenTensors many = read_tensors(encoder_folder() / GetParam() / "scores.safetensors");
  const std::string name = many.contains("logits_f32") ? "logits" : "pooled";
  const at::Tensor& exact = many.at(name + "_f32");
  const at::Tensor& theirs = many.at(name + "_bf16");
  const at::Tensor found = load(at::kBFloat16).sequence_logits(packed_batch(many));
  const double own = relative_distance(found, exact), other = relative_distance(theirs, exact);
  std::printf("encoder %-15s bf16: %.1e from transformers, %.1e from fp32 (transformers %.1e)\n",
              GetParam().c_str(), relative_distance(found, theirs), own, other);
  EXPECT_LE(relative_distance(found, theirs), 2e-2);
  EXPECT_LE(own, 2e-2);
  EXPECT_LE(own, 1.2 * other);
  EXPECT_LE(relative_distance(load().sequence_logits(packed_batch(many)), exact), 1e-4);
}

TEST_P(Encoder, ASequenceAloneEqualsItselfInABatch) {
  const Model model = load();
  const PackedTokens all = packed_batch(golden_);
  const at::Tensor together = model.sequence_logits(all);
  for (std::size_t i = 0; i < all.segments.size(); ++i) {
    const Segment& segment = all.segments[i];
    const auto cut = [&](const at::Tensor& t) {
      return t.narrow(0, segment.offset, segment.length).contiguous();
    };
    const PackedTokens alone{
        cut(all.tokens), cut(all.positions), cut(all.token_types), {{0, segment.length, {}}}};
    EXPECT_LE(
        relative_error(model.sequence_logits(alone)[0], together[static_cast<std::int64_t>(i)]),
        1e-5);
  }
}

// The last token changes the first one's row: nothing is causal here.
TEST_P(Encoder, EveryTokenSeesAll) {
  const Model model = load();
  at::Tensor tokens = golden_.at("tokens").narrow(0, 0, 1).clone();
  const at::Tensor before = model.hidden(tokens)[0].clone();
  tokens[0][tokens.size(1) - 1].fill_(3);
  EXPECT_GT(relative_error(model.hidden(tokens)[0], before), 1e-3);
  KvCache cache(model.spec(), 1, 16, at::kFloat, at::kCPU);
  EXPECT_THROW((void)model.hidden_step(tokens, cache), std::logic_error);
}

TEST(EncoderSpec, SaysWhatItsHeadIs) {
  const auto spec = [](const char* name) {
    return Checkpoint::open(encoder_folder() / name).spec();
  };
  EXPECT_EQ(spec("bert_classifier").classes, 3);
  EXPECT_EQ(spec("bert_gelu_new").classes, 2);
  EXPECT_EQ(spec("bert_model").output, OutputKind::kNone);
  EXPECT_GT(spec("bert_model").pooler_width, 0);
  EXPECT_EQ(spec("bert_mlm").pooler_width, 0);
  EXPECT_FALSE(spec("bert_model").causal);
}

// The head of a masked language model is not run, and every result says so.
TEST(EncoderSpec, AnUnreadHeadIsRemarkedOn) {
  const Checkpoint checkpoint = Checkpoint::open(encoder_folder() / "bert_mlm");
  std::vector<std::string> codes;
  for (const ModelWarning& warning : checkpoint.warnings()) codes.push_back(warning.code);
  EXPECT_THAT(codes, testing::UnorderedElementsAre("model_config_key", "model_unused_tensors"));
}

INSTANTIATE_TEST_SUITE_P(Cases, Encoder,
                         testing::Values("bert_classifier", "bert_gelu_new", "bert_model"),
                         [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace assay
