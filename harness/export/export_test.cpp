// Exported folders, loaded again, against the models that they were made of.

#include <ATen/ops/arange.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "harness/base/cell_errors.h"
#include "harness/base/files.h"
#include "harness/checkpoint/spec_json.h"
#include "harness/checkpoint/test_files.h"
#include "harness/export/config_writer.h"
#include "harness/export/model_folder.h"
#include "harness/method/affine_ffn.h"
#include "harness/model/encoder_golden.h"
#include "harness/model/golden_cases.h"
#include "harness/model/slicing.h"

namespace assay {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::ThrowsMessage;

at::Tensor logits(const Model& model, const at::Tensor& tokens) {
  return model.logits(model.hidden(tokens));
}

at::Tensor indices(std::vector<std::int64_t> values) { return at::tensor(values, at::kLong); }

at::Tensor first(std::int64_t count) { return at::arange(count, at::kLong); }

/// A folder that an export wrote.
struct Exported {
  explicit Exported(const Model& model, const fs::path& from, const FolderOptions& options = {}) {
    const Checkpoint original = Checkpoint::open(from);
    const PlainModel plain = plain_model(model, written_keys(original));
    written = write_model_folder(folder.path(), original, plain, options, [](auto, auto) {});
    remarks = plain.remarks;
  }
  [[nodiscard]] Model load() const { return Model::load(folder.path(), {}); }
  [[nodiscard]] Json config() const { return read_json_file(folder.path() / "config.json"); }
  TemporaryFolder folder;
  WrittenFolder written;
  std::vector<std::string> remarks;
};

class Export : public testing::TestWithParam<std::string> {
 protected:
  [[nodiscard]] fs::path original() const { return golden_folder() / GetParam(); }
  [[nodiscard]] Exported exported() const { return Exported(model_, original(), {"fp32"}); }
  void expect_the_same(const Exported& found) const {
    EXPECT_LE(relative_error(logits(found.load(), tokens_), logits(model_, tokens_)), 1e-5);
  }
  [[nodiscard]] bool heads_stay() const { return !why_heads_stay(model_.spec()).empty(); }
  Model model_ = load_golden(GetParam());
  at::Tensor tokens_ = read_golden(GetParam()).tokens;
};

TEST_P(Export, DenseComesBackBitByBit) {
  const Exported as_it_was(model_, original());
  EXPECT_THAT(as_it_was.written.config, IsEmpty());
  EXPECT_THAT(as_it_was.remarks, IsEmpty());
  EXPECT_EQ(read_text_file(as_it_was.folder.path() / "config.json"),
            read_text_file(original() / "config.json"));
  EXPECT_EQ(as_it_was.load().content_hash(), model_.content_hash());
  EXPECT_EQ(Checkpoint::open(as_it_was.folder.path()).content_hash(),
            Checkpoint::open(original()).content_hash());
  EXPECT_EQ(exported().load().content_hash(), model_.content_hash());
}

TEST_P(Export, NarrowerLayersAreFilledUpWithZeros) {
  if (has_experts(model_.spec())) GTEST_SKIP() << "a mixture of experts";
  const LayerShape shape = model_.spec().layer(0);
  keep_neurons(model_, 0, first(shape.ffn_width - 8));
  if (!heads_stay() && shape.kv_heads > 1) keep_head_groups(model_, 1, indices({0}));
  const Exported found = exported();
  expect_the_same(found);
  EXPECT_THAT(found.remarks, Contains(HasSubstr("filled up with zeros")));
  EXPECT_TRUE(found.load().spec().layer_shapes.empty());
}

TEST_P(Export, EquallyNarrowLayersNeedNoZerosWhereAKeySaysTheirWidth) {
  if (has_experts(model_.spec())) GTEST_SKIP() << "a mixture of experts";
  const std::int64_t width = model_.spec().shape.ffn_width;
  for (std::int64_t i = 0; i < model_.layer_count(); ++i) keep_neurons(model_, i, first(width - 8));
  const Exported found = exported();
  expect_the_same(found);
  const bool fixed = !can_say(written_keys(Checkpoint::open(original())), &LayerShape::ffn_width);
  EXPECT_EQ(found.load().spec().shape.ffn_width, fixed ? width : width - 8);
  EXPECT_EQ(found.remarks.empty(), !fixed);
}

TEST_P(Export, FewerHeadsInAllLayers) {
  if (heads_stay() || model_.spec().shape.kv_heads < 2) GTEST_SKIP() << "heads cannot be taken out";
  for (std::int64_t i = 0; i < model_.layer_count(); ++i) {
    keep_head_groups(model_, i, indices({1}));
  }
  expect_the_same(exported());
}

TEST_P(Export, MissingSubLayersAndLayers) {
  drop_attention(model_, 0);
  drop_ffn(model_, 1);
  if (!model_.spec().pre_norm) {
    EXPECT_THAT([&] { (void)exported(); },
                ThrowsMessage<DoesNotApply>(AllOf(HasSubstr("norms after the residual"),
                                                  HasSubstr("layer 0"), HasSubstr("layer 1"))));
    return;
  }
  const Exported found = exported();
  expect_the_same(found);
  EXPECT_THAT(found.remarks, Contains(HasSubstr("no attention")));
}

TEST_P(Export, ALayerWithoutAnythingIsLeftOut) {
  drop_attention(model_, 0);
  drop_ffn(model_, 0);
  const Exported found = exported();
  expect_the_same(found);
  EXPECT_EQ(found.load().layer_count(), model_.layer_count() - 1);
}

/// Keys that say how many layers there are, or something of each.
bool is_of_layers(const std::string& key) {
  static const std::set<std::string> kKeys = {
      "n_layer",         "n_layers",           "num_layers",      "num_hidden_layers",
      "layer_types",     "no_rope_layers",     "attention_types", "attention_layers",
      "mlp_only_layers", "decoder_sparse_step"};
  return kKeys.contains(key);
}

TEST_P(Export, FewerLayers) {
  for (std::int64_t layer = 0; layer < model_.layer_count(); ++layer) {
    Model fewer = load_golden(GetParam());
    fewer.drop_layer(layer);
    const Exported found(fewer, original());
    const Model loaded = found.load();
    EXPECT_LE(relative_error(logits(loaded, tokens_), logits(fewer, tokens_)), 1e-5) << layer;
    EXPECT_EQ(to_json(loaded.spec()), to_json(fewer.spec())) << layer;
    EXPECT_GE(found.written.config.size(), 1U);
    for (const std::string& change : found.written.config) {
      EXPECT_TRUE(is_of_layers(change.substr(0, change.find(':')))) << change;
    }
  }
}

/// Neither is there a bias, nor a key for one.
bool cannot_say(const Checkpoint& original, bool ModelSpec::*bias) {
  const std::vector<ConfigKey> keys = written_keys(original);
  return !(original.spec().*bias) &&
         std::none_of(keys.begin(), keys.end(), [&](const ConfigKey& row) {
           const auto* field = std::get_if<bool ModelSpec::*>(&row.field);
           return field != nullptr && *field == bias;
         });
}

TEST_P(Export, AddedBiases) {
  const bool there = model_.spec().attention_out_bias && model_.spec().ffn_out_bias;
  model_.add_bias(Slot::kO);
  model_.add_bias(Slot::kDown);
  for (const SlotPlace& place : model_.layers()[0].places()) {
    if (place.slot != Slot::kO && place.slot != Slot::kDown) continue;
    model_.layers()[0].dense(place).bias().copy_(at::randn({model_.spec().width}));
  }
  const Checkpoint checkpoint = Checkpoint::open(original());
  const bool ffn = cannot_say(checkpoint, &ModelSpec::ffn_out_bias);
  if (ffn || cannot_say(checkpoint, &ModelSpec::attention_out_bias)) {
    EXPECT_THAT([&] { (void)exported(); },
                ThrowsMessage<DoesNotApply>(
                    AllOf(HasSubstr(checkpoint.config().at("model_type").get<std::string>()),
                          HasSubstr(ffn ? "ffn_out_bias" : "attention_out_bias"))));
    return;
  }
  const Exported found = exported();
  expect_the_same(found);
  EXPECT_EQ(found.remarks.empty(), there);
}

TEST_P(Export, NumberTypesAreThoseOfTheConfiguration) {
  for (const auto& [option, name] : {std::pair("bf16", "bfloat16"), std::pair("fp16", "float16")}) {
    const Exported found(model_, original(), {option});
    const Json config = found.config();
    EXPECT_EQ(config.value("dtype", config.value("torch_dtype", "")), name);
    EXPECT_EQ(found.written.dtype, name);
    EXPECT_LE(relative_error(logits(found.load(), tokens_), logits(model_, tokens_)), 1e-2);
  }
}

TEST_P(Export, ShardsAreNoLargerThanAsked) {
  const FolderOptions options{"fp32", 20'000};
  const Exported found(model_, original(), options);
  const Json index = read_json_file(found.folder.path() / "model.safetensors.index.json");
  EXPECT_EQ(index.at("metadata").at("total_size"), found.written.bytes);
  EXPECT_FALSE(fs::exists(found.folder.path() / "model.safetensors"));
  EXPECT_TRUE(fs::exists(found.folder.path() / index.at("weight_map").begin()->get<std::string>()));
  EXPECT_EQ(found.load().content_hash(), model_.content_hash());
}

INSTANTIATE_TEST_SUITE_P(Families, Export, testing::ValuesIn(golden_cases()),
                         [](const auto& test) { return test.param; });

std::set<std::string> tensor_names(const fs::path& folder) {
  const Checkpoint checkpoint = Checkpoint::open(folder);
  std::set<std::string> names;
  for (const StoredTensor& tensor : checkpoint.tensors()) names.insert(tensor.name);
  return names;
}

TEST(ExportMixtures, PrunedExpertsKeepTheirNames) {
  for (const char* name : {"mixtral", "qwen3_moe_mixed_tied", "olmoe"}) {
    Model model = load_golden(name);
    for (const Layer& layer : model.layers()) {
      for (const SlotPlace& place : layer.places()) {
        layer.dense(place).weight().narrow(1, 0, 7).zero_();
      }
    }
    const Exported found(model, golden_folder() / name);
    EXPECT_THAT(found.remarks, IsEmpty());
    EXPECT_EQ(tensor_names(found.folder.path()), tensor_names(golden_folder() / name));
    EXPECT_EQ(found.load().content_hash(), model.content_hash());
  }
}

class ExportEncoder : public testing::TestWithParam<std::string> {};

TEST_P(ExportEncoder, DenseComesBackBitByBit) {
  const fs::path original = encoder_folder() / GetParam();
  const Model model = Model::load(original, {});
  EXPECT_EQ(Exported(model, original).load().content_hash(), model.content_hash());
}

TEST_P(ExportEncoder, NarrowerLayersScoreTheSame) {
  const fs::path original = encoder_folder() / GetParam();
  Model model = Model::load(original, {});
  keep_neurons(model, 0, first(model.spec().shape.ffn_width - 8));
  keep_head_groups(model, 0, indices({1}));
  const PackedTokens batch = packed_batch(read_tensors(original / "expected.safetensors"));
  const Exported found(model, original, {"fp32"});
  EXPECT_LE(relative_error(found.load().sequence_logits(batch), model.sequence_logits(batch)),
            1e-5);
}

INSTANTIATE_TEST_SUITE_P(Encoders, ExportEncoder,
                         testing::Values("bert_classifier", "bert_gelu_new", "bert_mlm",
                                         "bert_model"));

/// What an export of the golden LLaMA is refused with.
std::string refusal(const std::function<void(Model&)>& change, const FolderOptions& options = {}) {
  Model model = load_golden("llama_gqa");
  change(model);
  try {
    (void)Exported(model, golden_folder() / "llama_gqa", options);
  } catch (const DoesNotApply& error) {
    return error.what();
  }
  return "";
}

TEST(ExportRefuses, ABlockThatSaysItIsNoPlainOne) {
  const std::string text = refusal([](Model& model) {
    const at::Tensor square = at::randn({48, 48});
    for (Layer& layer : model.layers()) layer.ffn = make_affine_ffn(square, square[0], square);
  });
  EXPECT_THAT(text, AllOf(HasSubstr("family 'llama'"),
                          HasSubstr("the feed-forward block is one affine map for the whole block"),
                          HasSubstr("layers 0, 1")));
}

class Silent final : public Linear {
 public:
  [[nodiscard]] at::Tensor forward(const at::Tensor& rows) const override { return rows; }
  [[nodiscard]] std::int64_t in_features() const override { return 48; }
  [[nodiscard]] std::int64_t out_features() const override { return 48; }
  [[nodiscard]] Cost cost() const override { return {}; }
  void visit_tensors(const VisitTensor&) override {}
};

TEST(ExportRefuses, ABlockThatSaysNothing) {
  const std::string text = refusal(
      [](Model& model) { model.layers()[1].replace_linear(Slot::kO, std::make_unique<Silent>()); });
  EXPECT_THAT(text, AllOf(HasSubstr("the attention is a block of type"), HasSubstr("Silent"),
                          HasSubstr("layer 1")));
}

TEST(ExportRefuses, ValuesThatDoNotFit) {
  const auto large = [](Model& model) { model.layers()[0].dense(Slot::kUp).weight().fill_(1e5); };
  EXPECT_THAT(refusal(large, {"fp16"}), AllOf(HasSubstr("layers.0.mlp.up_proj.weight"),
                                              HasSubstr("fp16"), HasSubstr("--dtype bf16")));
  EXPECT_EQ(refusal(large, {"bf16"}), "");
}

}  // namespace
}  // namespace assay
