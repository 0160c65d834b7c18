#include "harness/train/language_model.h"

#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>

#include "harness/base/errors.h"
#include "harness/train/train_fixture.h"

namespace assay {
namespace {

class LanguageModel : public testing::Test {
 protected:
  LanguageModel() {
    for (int i = 0; i < 16 * 12 + 3; ++i) stream_.push_back(1 + (i * i) % 11);
    settings_.window = 12;
    settings_.loop.epochs = 8;
    settings_.loop.batch = 4;
    settings_.loop.learning_rate = 3e-3;
  }
  std::vector<std::int32_t> stream_;
  LanguageModelTraining settings_;
};

// The loss itself is held to transformers by gradient_test.
TEST_F(LanguageModel, Learns) {
  for (const char* name : {"gpt2", "llama_gqa"}) {
    Model model = load_golden(name);
    const TrainResult result = train_language_model(model, stream_, {}, settings_);
    EXPECT_EQ(result.steps, 32);  // 16 windows; what is left over has no part
    EXPECT_LT(result.curve.back().loss, 0.5 * result.curve.front().loss) << name;
  }
}

TEST_F(LanguageModel, TheHeldOutPartIsJudgedByTheSameLoss) {
  Model model = load_golden("gpt2");
  settings_.parameters.dropout = false;
  settings_.loop.epochs = 2;
  const std::vector<std::int32_t> held(stream_.begin(), stream_.begin() + 36);
  const TrainResult result = train_language_model(model, stream_, held, settings_);
  ASSERT_EQ(result.held_out.size(), 2U);
  const at::Tensor windows =
      at::tensor(std::vector<std::int64_t>(held.begin(), held.end()), at::kLong).view({3, 12});
  EXPECT_NEAR(next_token_loss(model, windows).item<double>(), result.best->value, 1e-5);
}

TEST_F(LanguageModel, RefusesShortAndForeignText) {
  Model model = load_golden("gpt2");
  const auto expect_error = [&](const std::string& text) {
    EXPECT_THAT([&] { (void)train_language_model(model, stream_, {}, settings_); },
                testing::ThrowsMessage<UserError>(testing::HasSubstr(text)));
  };
  settings_.window = 1000;
  expect_error("a text of 195 tokens has no window of 1000");
  settings_.window = 12;
  stream_[20] = 1'000'000;
  expect_error("token 1000000");
}

}  // namespace
}  // namespace assay
