// Encoders against transformers: padded batches there, packed ones here.

#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/model/encoder_golden.h"
#include "harness/model/golden_cases.h"

namespace assay {
namespace {

/// Nine scores of a model that narrow: transformers' own bf16 scores are 2 % from its fp32 ones.
constexpr double kBf16OfFewScores = 4e-2;

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
  const bool classifies = golden_.contains("logits_f32");
  for (const auto dtype : {at::kFloat, at::kBFloat16}) {
    const std::string name =
        std::string(classifies ? "logits" : "pooled") + (dtype == at::kFloat ? "_f32" : "_bf16");
    const at::Tensor found = load(dtype).sequence_logits(packed_batch(golden_));
    const double error = relative_error(found, golden_.at(name));
    const at::Tensor& exact = golden_.at(classifies ? "logits_f32" : "pooled_f32");
    const double own = relative_error(found, exact);
    const double theirs = relative_error(golden_.at(name), exact);
    std::printf("encoder %-18s %s %.1e (to fp32: %.1e, transformers' %.1e)\n", GetParam().c_str(),
                name.c_str(), error, own, theirs);
    EXPECT_LE(error, dtype == at::kFloat ? 1e-4 : kBf16OfFewScores);
    EXPECT_LE(own, dtype == at::kFloat ? 1e-4 : kBf16OfFewScores);
  }
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
  EXPECT_TRUE(spec("bert_model").pooler);
  EXPECT_FALSE(spec("bert_mlm").pooler);
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
