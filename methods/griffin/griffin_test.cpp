// The block against plain loops, and its two forms against each other.
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "harness/base/cell_errors.h"
#include "harness/method/recording_context.h"
#include "harness/method/tiny_model.h"
#include "methods/griffin/griffin_ffn.h"

namespace assay {
void register_griffin(MethodRegistry& registry);

namespace griffin {
namespace {

constexpr std::int64_t kPrompt = 9;
constexpr std::int64_t kLength = 16;
constexpr double kTolerance = 1e-5;

const Method& method() { return sole_method(register_griffin); }

double apart(const at::Tensor& a, const at::Tensor& b) {
  return a.sub(b).abs().max().item<double>() / b.abs().max().item<double>();
}

class GriffinTest : public ::testing::TestWithParam<TinyFamily> {
 protected:
  GriffinTest() {
    write_tiny_model(place_.scratch() / "model", GetParam(), 5);
    model_.emplace(Model::load(place_.scratch() / "model", LoadOptions{}));
  }
  /// The model with the method applied.
  Model applied(const Json& given, std::uint64_t seed = 0) {
    RecordingContext context({}, seed, {});
    Model changed = model_->clone();
    method().apply(changed, method().fit(*model_, context, {method().info().params, given}));
    return changed;
  }
  [[nodiscard]] at::Tensor tokens(std::int64_t batch) const {
    return at::randint(0, model_->spec().vocab, {batch, kLength}, at::kLong);
  }
  /// [batch, length - prompt + 1, vocabulary]: what the prompt's last token and the steps predict.
  static at::Tensor decoded(const Model& model, const at::Tensor& tokens, std::int64_t first_part) {
    KvCache cache(model.spec(), tokens.size(0), kLength, model.dtype(), model.device());
    std::vector<at::Tensor> rows;
    (void)model.hidden_step(tokens.narrow(1, 0, first_part).contiguous(), cache);
    const at::Tensor rest =
        model.hidden_step(tokens.slice(1, first_part, kPrompt).contiguous(), cache);
    rows.push_back(rest.view({tokens.size(0), kPrompt - first_part, -1}).slice(1, -1));
    for (std::int64_t t = kPrompt; t < kLength; ++t) {
      rows.push_back(model.hidden_step(tokens.slice(1, t, t + 1).contiguous(), cache).unsqueeze(1));
    }
    return model.logits(at::cat(rows, 1).flatten(0, 1));
  }
  static at::Tensor scored(const Model& model, const at::Tensor& tokens) {
    const at::Tensor hidden = model.hidden(tokens, nullptr, kPrompt)
                                  .view({tokens.size(0), kLength, -1})
                                  .slice(1, kPrompt - 1);
    return model.logits(hidden.flatten(0, 1));
  }

  const at::NoGradGuard as_in_the_worker_;
  RecordingContext place_{{}, 0, {}};
  std::optional<Model> model_;
};

TEST_P(GriffinTest, GatheredDecodingComputesWhatMasksDo) {
  for (const char* by : {"prompt", "random"}) {
    const Model model = applied({{"density", 0.4}, {"by", by}});
    for (const std::int64_t batch : {1, 3}) {
      const at::Tensor text = tokens(batch);
      const at::Tensor masked = scored(model, text);
      EXPECT_LT(apart(decoded(model, text, 4), masked), kTolerance) << by << ", batch " << batch;
      EXPECT_GT(apart(scored(*model_, text), masked), 100 * kTolerance) << "changes nothing";
    }
  }
}

/// One row and one neuron after the other, in double.
std::vector<std::int64_t> naive_choice(const at::Tensor& hidden, std::int64_t count) {
  const std::int64_t rows = hidden.size(0), neurons = hidden.size(1);
  const auto* z = hidden.const_data_ptr<float>();
  std::vector<double> s(static_cast<std::size_t>(neurons), 0);
  for (std::int64_t t = 0; t < rows; ++t) {
    double norm = 0;
    for (std::int64_t j = 0; j < neurons; ++j)
      norm += double{z[t * neurons + j]} * z[t * neurons + j];
    norm = std::sqrt(norm);
    for (std::int64_t j = 0; j < neurons && norm > 0; ++j) {
      s[static_cast<std::size_t>(j)] += std::pow(double{z[t * neurons + j]} / norm, 2);
    }
  }
  std::vector<std::int64_t> order(s.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
    return std::sqrt(s[static_cast<std::size_t>(a)]) > std::sqrt(s[static_cast<std::size_t>(b)]);
  });
  order.resize(static_cast<std::size_t>(count));
  std::sort(order.begin(), order.end());
  return order;
}

/// Keeps what the down matrix of the first layer gets.
class FirstDownInput final : public ActivationRecorder {
 public:
  void record(std::int64_t layer, Tap tap, const at::Tensor& rows, const StepContext&) override {
    if (layer == 0 && tap == Tap::kDownInput) seen = rows.clone();
  }
  at::Tensor seen;
};

TEST_P(GriffinTest, ThePromptChoosesAndWhatFollowsUsesNothingElse) {
  const Model model = applied({{"density", 0.25}});
  const at::Tensor text = tokens(2);
  FirstDownInput dense, chosen;
  (void)model_->hidden(text, &dense);
  (void)model.hidden(text, &chosen, kPrompt);
  const std::int64_t neurons = dense.seen.size(1);
  for (std::int64_t s = 0; s < 2; ++s) {
    const at::Tensor prompt = dense.seen.narrow(0, s * kLength, kPrompt).contiguous();
    const std::vector<std::int64_t> kept = naive_choice(prompt, neurons / 4);
    EXPECT_TRUE(chosen.seen.narrow(0, s * kLength, kPrompt).equal(prompt));
    at::Tensor expected = dense.seen.narrow(0, s * kLength + kPrompt, kLength - kPrompt).clone();
    for (std::int64_t j = 0; j < neurons; ++j) {
      if (!std::binary_search(kept.begin(), kept.end(), j)) expected.select(1, j).zero_();
    }
    EXPECT_TRUE(chosen.seen.narrow(0, s * kLength + kPrompt, kLength - kPrompt)
                    .allclose(expected, 0, 1e-6));
  }
}

TEST_P(GriffinTest, AnswersOfATreeFollowTheirOwnPrompt) {
  const Model model = applied({{"density", 0.3}});
  // A common beginning of 4, then two prompts that end differently, each with an answer of 3.
  const at::Tensor a = at::randint(0, model.spec().vocab, {1, 12}, at::kLong);
  const at::Tensor b =
      at::cat({a.narrow(1, 0, 4), at::randint(0, model.spec().vocab, {1, 8}, at::kLong)}, 1);
  at::Tensor mask = at::ones({20, 20}, at::kBool).tril();
  mask.slice(0, 12).slice(1, 4, 12).zero_();
  at::Tensor prompt = at::ones({20}, at::kBool);
  prompt.slice(0, 9, 12).zero_();
  prompt.slice(0, 17, 20).zero_();
  const at::Tensor packed = model.hidden_packed({at::cat({a[0], b[0].slice(0, 4)}),
                                                 at::cat({at::arange(12), at::arange(4, 12)}),
                                                 {},
                                                 {{0, 20, mask}},
                                                 prompt});
  EXPECT_LT(apart(packed.narrow(0, 9, 3), model.hidden(a, nullptr, 9).slice(0, 9)), kTolerance);
  EXPECT_LT(apart(packed.narrow(0, 17, 3), model.hidden(b, nullptr, 9).slice(0, 9)), kTolerance);
}

TEST_P(GriffinTest, APassWithoutAPromptIsRefused) {
  const Model model = applied({});
  EXPECT_THROW((void)model.hidden(tokens(1)), DoesNotApply);
  StepContext alone;
  alone.phase = Phase::kDecode;
  const at::Tensor row = at::randn({1, model.spec().width});
  EXPECT_THROW((void)model.layers().front().ffn->forward(row, alone), DoesNotApply);
}

TEST_P(GriffinTest, AGeneratedTokenReadsThatPartOfTheNeurons) {
  const Model model = applied({{"density", 0.25}});
  const Ffn& dense = *model_->layers().front().ffn;
  const Cost whole = dense.cost(), part = model.layers().front().ffn->cost();
  std::int64_t read = 0;  // bytes that all neurons have in common stay
  for (const Slot slot : {Slot::kGate, Slot::kUp, Slot::kDown}) {
    const auto* linear = dynamic_cast<const DenseLinear*>(dense.linear(slot));
    if (linear == nullptr) continue;
    read += static_cast<std::int64_t>(linear->weight().nbytes()) / 4;
    if (!linear->bias().defined()) continue;
    read += static_cast<std::int64_t>(linear->bias().nbytes()) / (slot == Slot::kDown ? 1 : 4);
  }
  EXPECT_EQ(part.touched_bytes, read);
  EXPECT_EQ(part.resident_bytes, whole.resident_bytes);
  EXPECT_LT(part.flops_per_token, 0.3 * static_cast<double>(whole.flops_per_token));
}

TEST_P(GriffinTest, ARandomChoiceIsThatOfTheSeed) {
  const auto list = [&](std::uint64_t seed) {
    RecordingContext context({}, seed, {});
    return method()
        .fit(*model_, context, {method().info().params, {{"by", "random"}, {"density", 0.5}}})
        .tensors.at("layer.1.neurons");
  };
  EXPECT_TRUE(list(3).equal(list(3)));
  EXPECT_FALSE(list(3).equal(list(4)));
  EXPECT_EQ(list(3).size(0), model_->spec().layer(1).ffn_width / 2);
}

TEST(SquaredShares, RowsOfZerosAddNothing) {
  const at::Tensor rows = at::tensor({3.0F, 4.0F, 0.0F, 0.0F}).view({2, 2});
  const at::Tensor sums = squared_shares(rows);
  EXPECT_NEAR(sums[0].item<double>(), 0.36, 1e-7);
  EXPECT_NEAR(sums[1].item<double>(), 0.64, 1e-7);
}

INSTANTIATE_TEST_SUITE_P(Families, GriffinTest,
                         ::testing::Values(TinyFamily::kLlama, TinyFamily::kOpt));

}  // namespace
}  // namespace griffin
}  // namespace assay
