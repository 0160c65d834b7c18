// Fine-tuning against transformers (scripts/golden/trainer_goldens.py).
#include "harness/train/classifier.h"

#include <ATen/Parallel.h>
#include <ATen/ops/equal.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <numeric>

#include "harness/base/cell_errors.h"
#include "harness/model/stored_form.h"
#include "harness/train/item_batches.h"
#include "harness/train/train_fixture.h"

namespace assay {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

class FineTuning : public testing::Test {
 protected:
  FineTuning() {
    settings_.loop.epochs = 4;
    settings_.loop.batch = 5;
    settings_.loop.learning_rate = 2e-3;
    settings_.loop.seed = 11;
    settings_.parameters.weight_decay = 0.05;
    settings_.parameters.dropout = false;
  }
  [[nodiscard]] static Model load() {
    return Model::load(encoder_folder() / "bert_classifier", {});
  }
  [[nodiscard]] at::Tensor logits(const Model& model) const {
    std::vector<std::int64_t> all(static_cast<std::size_t>(items_.count()));
    std::iota(all.begin(), all.end(), 0);
    return model.sequence_logits(pack_items(items_, all, at::kCPU));
  }
  GoldenTensors golden_ = read_tensors(train_golden_folder() / "bert_classifier.safetensors");
  LabelledItems items_ = golden_items(golden_);
  ClassifierTraining settings_;
};

TEST_F(FineTuning, EveryStepEqualsTransformers) {
  Model model = load();
  const TrainResult result = train_classifier(model, items_, nullptr, settings_);
  ASSERT_EQ(result.curve.size(), 20U);
  double worst = 0;
  for (std::int64_t i = 0; i < 20; ++i) {
    const CurvePoint& point = result.curve[static_cast<std::size_t>(i)];
    const double loss = golden_.at("losses")[i].item<double>();
    worst = std::max(worst, std::abs(point.loss - loss) / loss);
    EXPECT_NEAR(point.loss, loss, 1e-4 * loss) << "step " << i + 1;
    EXPECT_NEAR(point.gradient_norm, golden_.at("norms")[i].item<double>(), 1e-2) << i;
    EXPECT_DOUBLE_EQ(point.learning_rate, golden_.at("rates")[i].item<double>());
  }
  std::printf("fine-tuning: losses of 20 steps within %.1e of transformers'\n", worst);
  EXPECT_LE(relative_error(logits(model), golden_.at("held_out_logits")), 1e-3);
}

TEST_F(FineTuning, TrainedParametersEqualTransformers) {
  Model model = load();
  (void)train_classifier(model, items_, nullptr, settings_);
  const Checkpoint checkpoint = Checkpoint::open(encoder_folder() / "bert_classifier");
  for (const Binding& binding : checkpoint.bindings()) {
    // The softmax does not see the keys' bias: its gradient is rounding, which AdamW makes large.
    if (binding.bias && binding.slots.front() == Slot::kK) continue;
    const at::Tensor found = stored_form(
        binding, model.spec(), [&](const ParameterId& id) { return model.parameter(id); });
    const at::Tensor& expected = golden_.at("final." + binding.tensor);
    // In steps of the learning rate, which is what AdamW moves a weight by.
    EXPECT_LE(found.sub(expected).abs().max().item<double>(), 0.2 * 2e-3) << binding.tensor;
  }
}

TEST_F(FineTuning, EqualThreadsGiveEqualBitsAndOthersNearlyEqualOnes) {
  const int before = at::get_num_threads();
  settings_.parameters.dropout = true;
  const auto trained = [&](int threads) {
    at::set_num_threads(threads);
    Model model = load();
    const TrainResult result = train_classifier(model, items_, nullptr, settings_);
    return std::make_pair(model.content_hash(), result.curve.back().loss);
  };
  for (const int threads : {1, 2}) EXPECT_EQ(trained(threads).first, trained(threads).first);
  const double one = trained(1).second;
  EXPECT_NEAR(trained(2).second, one, 1e-3 * one);
  at::set_num_threads(before);
}

TEST_F(FineTuning, AnInterruptedOneEndsWithTheSameBits) {
  settings_.parameters.dropout = true;
  settings_.loop.evaluate_every = 3;
  Model undisturbed = load();
  (void)train_classifier(undisturbed, items_, &items_, settings_);
  const ScratchFolder scratch;
  for (const std::int64_t stop : {4, 9, 13}) {
    TrainHooks hooks{.checkpoints = scratch.path()};
    hooks.progress = [stop](std::int64_t done, std::int64_t) {
      if (done == stop) throw Interrupted();
    };
    Model model = load();
    EXPECT_THROW((void)train_classifier(model, items_, &items_, settings_, hooks), Interrupted);
  }
  Model model = load();
  const TrainResult result =
      train_classifier(model, items_, &items_, settings_, {.checkpoints = scratch.path()});
  EXPECT_TRUE(result.resumed);
  EXPECT_EQ(model.content_hash(), undisturbed.content_hash());
}

TEST_F(FineTuning, TheBestOnTheHeldOutPartIsKept) {
  Model model = load();
  const std::vector<std::int64_t> held = {0, 1, 2, 3, 4, 5};
  const LabelledItems dev = chosen_items(items_, held);
  settings_.loop.learning_rate = 0.02;
  settings_.loop.evaluate_every = 2;
  for (const HeldOutMetric metric : {HeldOutMetric::kLoss, HeldOutMetric::kErrorRate}) {
    settings_.held_out = metric;
    const TrainResult result = train_classifier(model, items_, &dev, settings_);
    const ClassifierScore score = score_classifier(model, dev, 4);
    EXPECT_NEAR(result.best->value, metric == HeldOutMetric::kLoss ? score.loss : score.error_rate,
                1e-5);
  }
}

TEST_F(FineTuning, ScoresDoNotDependOnTheBatch) {
  const Model model = load();
  const ClassifierScore one = score_classifier(model, items_, 1);
  const ClassifierScore many = score_classifier(model, items_, 64);
  EXPECT_NEAR(one.loss, many.loss, 1e-5);
  EXPECT_EQ(one.error_rate, many.error_rate);
}

TEST_F(FineTuning, ItemsThatDoNotFitAreRefused) {
  Model model = load();
  const auto expect_error = [&](const std::string& text) {
    EXPECT_THAT([&] { (void)train_classifier(model, items_, nullptr, settings_); },
                ThrowsMessage<UserError>(HasSubstr(text)));
  };
  items_.label_names.pop_back();
  expect_error("has 2 classes, the model's output scores 3");
  items_.label_names.emplace_back("c");
  items_.tokens.front() = 71;
  expect_error("token 71");
  items_.tokens.assign(items_.tokens.size(), 5);
  items_.offsets[1] = items_.offsets[10];
  expect_error("tokens, the model 40 positions");
}

class FreshClassifier : public testing::TestWithParam<std::string> {};

// Bit for bit what transformers draws from the same seed.
TEST_P(FreshClassifier, EqualsTransformers) {
  const GoldenTensors golden = read_tensors(train_golden_folder() / "fresh.safetensors");
  Model model = Model::load(encoder_folder() / GetParam(), {});
  add_classifier(model, {"a", "b", "c"}, 7);
  const auto expected = [&](const char* name) { return golden.at(GetParam() + "." + name); };
  EXPECT_TRUE(at::equal(model.parameter({-1, Slot::kHead}), expected("classifier.weight")));
  EXPECT_TRUE(at::equal(model.parameter({-1, Slot::kHead, true}), expected("classifier.bias")));
  EXPECT_TRUE(at::equal(model.parameter({-1, Slot::kPooler}), expected("pooler.dense.weight")));
  EXPECT_TRUE(at::equal(model.parameter({-1, Slot::kPooler, true}), expected("pooler.dense.bias")));
  EXPECT_EQ(model.spec().output, OutputKind::kClassifier);
  EXPECT_EQ(model.spec().classes, 3);
  EXPECT_EQ(model.spec().pooler_width, model.spec().width);
  const std::size_t planned = parameter_shapes(model.spec()).size();
  EXPECT_EQ(model.parameters().size(), planned);  // the spec says what is there
}

INSTANTIATE_TEST_SUITE_P(Encoders, FreshClassifier, testing::Values("bert_model", "bert_mlm"),
                         [](const auto& test) { return test.param; });

TEST(AddClassifier, RefusesADecoder) {
  Model model = load_golden("gpt2");
  EXPECT_THROW(add_classifier(model, {"a", "b"}, 0), DoesNotApply);
}

TEST(AddClassifier, AFreshOneTrains) {
  const LabelledItems items =
      golden_items(read_tensors(train_golden_folder() / "bert_classifier.safetensors"));
  Model model = Model::load(encoder_folder() / "bert_model", {});
  add_classifier(model, items.label_names, 1);
  ClassifierTraining settings;
  settings.loop.epochs = 30;
  settings.loop.batch = 8;
  settings.loop.learning_rate = 3e-3;
  (void)train_classifier(model, items, nullptr, settings);
  EXPECT_LT(score_classifier(model, items, 8).error_rate, 0.2);
}

}  // namespace
}  // namespace assay
