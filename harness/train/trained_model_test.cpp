#include "harness/train/trained_model.h"

#include <ATen/ops/equal.h>
#include <c10/core/InferenceMode.h>
#include <gmock/gmock.h>

#include <map>
#include <set>

#include "harness/base/cell_errors.h"
#include "harness/train/train_fixture.h"

namespace assay {
namespace {

std::map<std::string, TrainedTensor> by_name(const TrainedModel& model) {
  std::map<std::string, TrainedTensor> all;
  for (const TrainedTensor& trained : model.tensors()) all.emplace(trained.name, trained);
  return all;
}

TEST(TrainedModel, EveryTensorHasMemoryOfItsOwn) {
  Model model = load_golden("llama_gqa");
  const std::string hash = model.content_hash();
  const TrainedModel trained(model, {});
  std::set<const void*> storages;
  for (const TrainedTensor& one : trained.tensors()) {
    EXPECT_TRUE(one.tensor.requires_grad());
    EXPECT_TRUE(storages.insert(one.tensor.storage().data()).second) << one.name;
  }
  EXPECT_EQ(trained.tensors().size(), model.parameters().size());
  EXPECT_EQ(model.content_hash(), hash);
}

TEST(TrainedModel, BiasesAndNormsDoNotDecay) {
  Model model = Model::load(encoder_folder() / "bert_classifier", {});
  ParameterSettings settings;
  settings.weight_decay = 0.3;
  settings.rate_factor = [](const Parameter& parameter) {
    return parameter.id->slot == Slot::kHead ? 10.0 : 1.0;
  };
  const TrainedModel trained(model, settings);
  const auto all = by_name(trained);
  for (const char* name : {"layer.0.q.bias", "layer.1.ffn_norm.weight", "embedding_norm.weight",
                           "embedding_norm.bias", "head.bias"}) {
    EXPECT_EQ(all.at(name).weight_decay, 0) << name;
  }
  for (const char* name : {"layer.0.q.weight", "embedding.weight", "positions.weight",
                           "pooler.weight", "head.weight"}) {
    EXPECT_EQ(all.at(name).weight_decay, 0.3) << name;
  }
  EXPECT_EQ(all.at("head.weight").rate_factor, 10);
  EXPECT_EQ(all.at("pooler.weight").rate_factor, 1);
}

TEST(TrainedModel, FinishedModelsAreFusedAndAskForNoGradients) {
  Model model = load_golden("llama_gqa");
  const at::Tensor tokens = read_golden("llama_gqa").tokens;
  const at::Tensor before = model.logits(model.hidden(tokens)).clone();
  TrainedModel trained(model, {});
  model.logits(model.hidden(tokens)).sum().backward();
  trained.finish();
  for (const Parameter& parameter : model.parameters()) {
    EXPECT_FALSE(parameter.tensor.requires_grad()) << parameter.name;
    EXPECT_FALSE(parameter.tensor.grad().defined()) << parameter.name;
  }
  EXPECT_EQ(model.parameter({0, Slot::kQ}).storage().data(),
            model.parameter({0, Slot::kK}).storage().data());
  EXPECT_TRUE(at::equal(model.logits(model.hidden(tokens)), before));
}

TEST(TrainedModel, ChoosesParameters) {
  Model model = Model::load(encoder_folder() / "bert_classifier", {});
  const TrainedModel trained(
      model, {.trains = [](const Parameter& p) { return p.id->slot == Slot::kHead; }});
  ASSERT_EQ(trained.tensors().size(), 2U);
  EXPECT_FALSE(model.parameter({-1, Slot::kPooler}).requires_grad());
  EXPECT_THROW(TrainedModel(model, {.trains = [](const Parameter&) { return false; }}),
               std::logic_error);
}

// A tied head is the embedding, also after its memory was replaced.
TEST(TrainedModel, TiedTensorsStayOne) {
  Model model = load_golden("gpt2");
  ASSERT_TRUE(model.spec().tied_head);
  const at::Tensor tokens = read_golden("gpt2").tokens;
  const TrainedModel trained(model, {.dropout = false});
  EXPECT_FALSE(by_name(trained).contains("head.weight"));
  const at::Tensor before = model.logits(model.hidden(tokens)).detach().clone();
  by_name(trained).at("embedding.weight").tensor.data().mul_(2);
  EXPECT_FALSE(at::equal(model.logits(model.hidden(tokens)).detach(), before));
}

TEST(TrainedModel, TakesTensorsOfInferenceMode) {
  std::optional<Model> twin;
  {
    const c10::InferenceMode inference;
    twin = load_golden("gpt2").clone();
  }
  const TrainedModel trained(*twin, {});
  const at::Tensor tokens = read_golden("gpt2").tokens;
  twin->logits(twin->hidden(tokens)).sum().backward();
  for (const TrainedTensor& one : trained.tensors()) {
    EXPECT_TRUE(one.tensor.grad().defined()) << one.name;
  }
}

TEST(TrainedModel, Bf16IsRefused) {
  Model model = load_golden("llama_gqa", at::kBFloat16);
  EXPECT_THAT([&] { TrainedModel(model, {}); },
              testing::ThrowsMessage<DoesNotApply>(testing::HasSubstr("training is done in fp32")));
}

TEST(TrainedModel, DropoutEndsWithIt) {
  Model model = Model::load(encoder_folder() / "bert_classifier", {});
  const PackedTokens packed =
      packed_batch(read_tensors(encoder_folder() / "bert_classifier" / "expected.safetensors"));
  const auto logits = [&] { return model.sequence_logits(packed).detach(); };
  {
    const TrainedModel trained(model, {.dropout = true});
    EXPECT_FALSE(at::equal(logits(), logits()));
  }
  EXPECT_TRUE(at::equal(logits(), logits()));
}

}  // namespace
}  // namespace assay
