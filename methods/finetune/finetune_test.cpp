#include <ATen/ops/equal.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/base/cell_errors.h"
#include "harness/base/errors.h"
#include "harness/method/artefact.h"
#include "harness/method/method.h"
#include "harness/method/recording_context.h"
#include "harness/train/classifier.h"
#include "harness/train/train_fixture.h"

namespace assay {

void register_finetune(MethodRegistry& registry);

namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

/// 24 short items of three classes that the first token tells apart.
LabelledItems easy_items() {
  LabelledItems items;
  items.offsets = {0};
  for (std::int32_t i = 0; i < 24; ++i) {
    for (std::int32_t t = 0; t < 3 + i % 4; ++t) {
      items.tokens.push_back(t == 0 ? 10 + i % 3 : 20 + (i * 7 + t) % 40);
      items.token_types.push_back(0);
    }
    items.offsets.push_back(static_cast<std::int64_t>(items.tokens.size()));
    items.labels.push_back(i % 3);
  }
  items.label_names = {"a", "b", "c"};
  items.lines.assign(items.labels.size(), 1);
  items.hashes.assign(items.labels.size(), "0123456789abcdef");
  items.text_hashes = items.hashes;
  return items;
}

class FinetuneTest : public ::testing::Test {
 protected:
  FinetuneTest() { register_finetune(registry_); }
  static Model encoder(const char* name) { return Model::load(encoder_folder() / name, {}); }
  Artefact fit(const Model& model, const Json& params, std::uint64_t seed = 1) {
    RecordingContext context({}, seed, {});
    context.training_items = &items_;
    const Artefact artefact = method().fit(model, context, Params(method().info().params, params));
    metrics_ = context.metrics;
    return artefact;
  }
  [[nodiscard]] const Method& method() const { return registry_.get("finetune"); }
  [[nodiscard]] double accuracy(const Model& model, const Artefact& artefact) const {
    Model changed = model.clone();
    method().apply(changed, artefact);
    return 1 - score_classifier(changed, items_, 8).error_rate;
  }
  MethodRegistry registry_;
  LabelledItems items_ = easy_items();
  std::map<std::string, double> metrics_;
};

const Json kQuick = {{"learning_rate", 3e-3}, {"epochs", 12}, {"batch", 8}, {"dropout", false}};

Json with(Json params, const Json& more) {
  params.update(more);
  return params;
}

TEST_F(FinetuneTest, LearnsWhatTheItemsSayWithEveryChoiceOfParameters) {
  const Model model = encoder("bert_model");  // no classifier: it gets one
  for (const char* trains : {"all", "lora"}) {
    const Artefact artefact = fit(model, with(kQuick, {{"trains", trains}}));
    EXPECT_GE(accuracy(model, artefact), 0.9) << trains;
    EXPECT_EQ(artefact.plan.at("labels").size(), 3U);
  }
  EXPECT_EQ(metrics_.at("train/steps"), 12 * 3);
}

TEST_F(FinetuneTest, TheHeadAloneLeavesTheEncoderAsItIs) {
  const Model model = encoder("bert_classifier");
  const Artefact artefact = fit(model, with(kQuick, {{"trains", "head"}}));
  for (const auto& [name, tensor] : artefact.tensors) {
    EXPECT_TRUE(name.starts_with("head.") || name.starts_with("pooler.")) << name;
  }
  EXPECT_EQ(artefact.tensors.size(), 4U);
}

TEST_F(FinetuneTest, ZerosStayZerosUnlessToldOtherwise) {
  Model model = encoder("bert_classifier");
  at::Tensor up = model.parameter({0, Slot::kUp});
  up.narrow(0, 0, 32).zero_();
  const auto zeros_after = [&](bool keep) {
    const Artefact artefact = fit(model, with(kQuick, {{"keep_zeros", keep}}));
    const at::Tensor& trained = artefact.tensors.at("layer.0.up.weight");
    EXPECT_FALSE(at::equal(trained, up));
    return trained.narrow(0, 0, 32).eq(0).all().item<bool>();
  };
  EXPECT_TRUE(zeros_after(true));
  EXPECT_FALSE(zeros_after(false));
}

TEST_F(FinetuneTest, OneSeedIsOneArtefactAndTheModelStaysAsItWas) {
  const Model model = encoder("bert_model");
  const std::string before = model.content_hash();
  const Artefact one = fit(model, kQuick), two = fit(model, kQuick), other = fit(model, kQuick, 2);
  EXPECT_EQ(model.content_hash(), before);
  ASSERT_EQ(one.tensors.size(), two.tensors.size());
  for (const auto& [name, tensor] : one.tensors) {
    EXPECT_TRUE(at::equal(tensor, two.tensors.at(name))) << name;
  }
  EXPECT_FALSE(at::equal(one.tensors.at("head.weight"), other.tensors.at("head.weight")));
}

TEST_F(FinetuneTest, AHeldOutPartChoosesTheWeights) {
  (void)fit(encoder("bert_model"), with(kQuick, {{"dev_share", 0.25}, {"patience", 2}}));
  EXPECT_TRUE(metrics_.contains("train/dev_loss"));
}

TEST_F(FinetuneTest, AnotherNumberOfClassesIsRefused) {
  items_.label_names = {"a", "b"};
  for (std::int32_t& label : items_.labels) label %= 2;
  EXPECT_THAT([&] { (void)fit(encoder("bert_classifier"), kQuick); },
              ThrowsMessage<DoesNotApply>(HasSubstr("the data have 2 classes (a, b)")));
}

TEST_F(FinetuneTest, TheArtefactSurvivesItsFile) {
  const Model model = encoder("bert_model");
  const Artefact artefact = fit(model, kQuick);
  const ScratchFolder folder;
  const auto file = folder.path() / "a.safetensors";
  save_artefact(file, {"finetune", 1, Json::object(), "model"}, artefact);
  EXPECT_EQ(accuracy(model, load_artefact(file).second), accuracy(model, artefact));
}

}  // namespace
}  // namespace assay
