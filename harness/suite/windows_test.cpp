// Perplexity and divergence over windows, against plain passes.
#include "harness/suite/windows.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>

#include <cmath>

#include "harness/base/errors.h"
#include "harness/suite/score_metrics.h"
#include "harness/suite/suite_fixture.h"

namespace assay {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

std::vector<std::int32_t> stream_of(std::int64_t count) {
  const auto tokens = some_tokens(7, count, 101);
  return {tokens.begin(), tokens.end()};
}

std::vector<std::int64_t> window_of(const std::vector<std::int32_t>& stream, std::size_t begin,
                                    std::size_t length) {
  return {stream.begin() + static_cast<std::ptrdiff_t>(begin),
          stream.begin() + static_cast<std::ptrdiff_t>(begin + length)};
}

at::Tensor log_probs_of(const Model& model, const std::vector<std::int64_t>& tokens) {
  const at::Tensor input = at::tensor(tokens, at::kLong).unsqueeze(0);
  return at::log_softmax(model.logits(model.hidden(input)).to(at::kDouble), 1);
}

TEST(ExpMean, IsOfTheUnweightedMeanOfWindows) {
  const std::vector<double> means = {2.0, 3.0};
  const MetricValue metric = exp_mean_metric("token_ppl", means);
  EXPECT_NEAR(metric.value.value(), 12.18249, 1e-5);
  // exp(2.5) x sd / sqrt(2), sd = sqrt(1/2).
  EXPECT_NEAR(metric.std_error.value(), 12.18249 * 0.5, 1e-4);
  EXPECT_EQ(metric.n, 2);
}

TEST(ExpMean, HasNoValueWhenAScoreIsNotFinite) {
  const std::vector<double> means = {2.0, NAN};
  const MetricValue metric = exp_mean_metric("token_ppl", means);
  EXPECT_TRUE(std::isnan(metric.value.value()));
  EXPECT_THAT(metric.null_reason, HasSubstr("not finite"));
  EXPECT_TRUE(std::isnan(exp_mean_metric("x", std::vector<double>{800.0, 800.0}).value.value()));
}

TEST(ExpMean, OneWindowHasNoInterval) {
  const MetricValue metric = exp_mean_metric("x", std::vector<double>{1.0});
  EXPECT_NEAR(metric.value.value(), std::exp(1.0), 1e-12);
  EXPECT_FALSE(metric.lo.has_value());
}

TEST(Windows, TailIsDroppedAndLimitTakesTheFirst) {
  const Model model = small_model(true, 1);
  const at::Tensor stream = at::arange(0, 29, at::kLong);
  const auto make = [&](const Json& params) {
    return make_windows(stream, model.spec(), Params(window_params(), params));
  };
  const Windows windows = make({{"window", 8}});
  EXPECT_EQ(windows.count(), 3);
  EXPECT_EQ(windows.tokens[2][7].item<std::int64_t>(), 23);
  EXPECT_NE(windows.hash(0), windows.hash(1));
  EXPECT_EQ(make({{"window", 8}, {"limit", 2}}).count(), 2);
  EXPECT_THAT(
      [&] {
        (void)make({{"window", 30}});
      },
      ThrowsMessage<UserError>(HasSubstr("fewer than one window")));
  EXPECT_THAT(
      [&] {
        (void)make({{"window", 41}});
      },
      ThrowsMessage<UserError>(HasSubstr("this model allows 2 to 40")));
  EXPECT_THAT([&] { (void)make(Json::object()); },
              ThrowsMessage<UserError>(HasSubstr("one window of 40")));
}

class TokenPplOf : public testing::TestWithParam<bool> {};

TEST_P(TokenPplOf, EqualsPlainPassesOverEachWindow) {
  const Model model = small_model(GetParam(), 3);
  const ScratchFolder folder;
  // 300 windows: more than run together, more rows than one chunk of logits.
  const std::vector<std::int32_t> stream = stream_of(300 * 9 + 5);
  write_stream(folder.path(), stream);
  RecordingContext context(model, model, folder.path());
  run_kind("token_ppl", context, {{"window", 9}});

  ASSERT_EQ(context.items.size(), 300U);
  EXPECT_EQ(context.last_done, 300);
  double sum = 0;
  for (std::size_t i = 0; i < context.items.size(); ++i) {
    const double nll = -naive_log_likelihood(model, window_of(stream, i * 9, 9), 1);
    EXPECT_NEAR(context.items[i].nll.value(), nll, 1e-4) << "window " << i;
    EXPECT_EQ(context.items[i].tokens, 8);
    sum += nll / 8;
  }
  const MetricValue& metric = context.metrics.at("token_ppl");
  EXPECT_NEAR(metric.value.value() / std::exp(sum / 300), 1, 1e-5);
  EXPECT_EQ(metric.n, 300);
  expect_made_of_items("token_ppl", context);
  EXPECT_LT(metric.lo.value(), metric.value.value());
  EXPECT_GT(metric.hi.value(), metric.value.value());
}

INSTANTIATE_TEST_SUITE_P(Families, TokenPplOf, testing::Bool());

TEST(TokenPpl, APromptIsGivenAndNotScored) {
  const Model model = small_model(true, 3);
  const ScratchFolder folder;
  const std::vector<std::int32_t> stream = stream_of(4 * 12);
  write_stream(folder.path(), stream);
  RecordingContext context(model, model, folder.path());
  run_kind("token_ppl", context, {{"window", 12}, {"prompt", 5}});
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_NEAR(context.items[i].nll.value(),
                -naive_log_likelihood(model, window_of(stream, i * 12, 12), 5), 1e-4);
    EXPECT_EQ(context.items[i].tokens, 7);
  }
  EXPECT_THAT(
      [&] {
        run_kind("token_ppl", context, {{"window", 12}, {"prompt", 12}});
      },
      ThrowsMessage<UserError>(HasSubstr("a token behind its prompt")));
}

TEST(Kl, OfAModelToItselfIsZero) {
  const Model model = small_model(true, 3);
  const ScratchFolder folder;
  write_stream(folder.path(), stream_of(64));
  RecordingContext context(model, model, folder.path());
  run_kind("kl", context, {{"window", 16}});
  EXPECT_NEAR(context.metrics.at("kl").value.value(), 0, 1e-12);
  EXPECT_EQ(context.metrics.at("top1_agreement").value.value(), 1);
  EXPECT_NEAR(context.metrics.at("ppl_ratio").value.value(), 1, 1e-12);
}

TEST(Kl, EqualsItsDefinition) {
  const Model dense = small_model(true, 3);
  const Model other = small_model(true, 4);
  const ScratchFolder folder;
  const std::vector<std::int32_t> stream = stream_of(50);
  write_stream(folder.path(), stream);
  RecordingContext context(other, dense, folder.path());
  run_kind("kl", context, {{"window", 10}});

  double kl = 0, agree = 0, growth = 0;
  for (std::size_t w = 0; w < 5; ++w) {
    const auto tokens = window_of(stream, w * 10, 10);
    const at::Tensor p = log_probs_of(dense, tokens), q = log_probs_of(other, tokens);
    double window_kl = 0;
    for (std::int64_t i = 0; i < 9; ++i) {
      window_kl += (p[i].exp() * (p[i] - q[i])).sum().item<double>();
      agree += p[i].argmax().item<std::int64_t>() == q[i].argmax().item<std::int64_t>() ? 1 : 0;
    }
    EXPECT_NEAR(context.items[w].kld.value(), window_kl / 9, 1e-5);
    kl += window_kl;
    growth += naive_log_likelihood(dense, tokens, 1) - naive_log_likelihood(other, tokens, 1);
  }
  EXPECT_GT(kl, 0);
  EXPECT_NEAR(context.metrics.at("kl").value.value(), kl / 45, 1e-5);
  EXPECT_NEAR(context.metrics.at("top1_agreement").value.value(), agree / 45, 1e-12);
  EXPECT_NEAR(context.metrics.at("ppl_ratio").value.value(), std::exp(growth / 45), 1e-4);
  expect_made_of_items("kl", context);
}

}  // namespace
}  // namespace assay
