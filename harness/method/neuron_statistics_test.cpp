// Streaming sums against plain loops over the whole text, and the rules of what counts.
#include "harness/method/neuron_statistics.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "harness/base/errors.h"

namespace assay {
namespace {

constexpr std::int64_t kTokens = 31, kNeurons = 17, kTop = 4;

TEST(NeuronStatistics, EqualsPlainLoopsOverBatches) {
  const at::Tensor a = at::randn({kTokens, kNeurons});
  NeuronStatistics streamed(kTop);
  streamed.add(a.narrow(0, 0, 12), {});
  streamed.add(a.narrow(0, 12, 19), {});
  std::vector<double> square(kNeurons), sum(kNeurons), often(kNeurons);
  for (std::int64_t t = 0; t < kTokens; ++t) {
    std::vector<double> sizes;
    for (std::int64_t j = 0; j < kNeurons; ++j) sizes.push_back(std::abs(a[t][j].item<double>()));
    for (std::size_t j = 0; j < sizes.size(); ++j) {
      square[j] += sizes[j] * sizes[j];
      sum[j] += sizes[j];
      const auto larger =
          std::count_if(sizes.begin(), sizes.end(), [&](double other) { return other > sizes[j]; });
      often[j] += larger < kTop ? 1 : 0;
    }
  }
  for (std::int64_t j = 0; j < kNeurons; ++j) {
    const auto i = static_cast<std::size_t>(j);
    EXPECT_NEAR(streamed.norm()[j].item<double>(), std::sqrt(square[i]), 1e-9);
    EXPECT_NEAR(streamed.mean_abs()[j].item<double>(), sum[i] / kTokens, 1e-6);
    EXPECT_NEAR(streamed.top_frequency()[j].item<double>(), often[i] / kTokens, 1e-12);
  }
}

TEST(NeuronStatistics, PaddingThatIsNotCountedChangesNothing) {
  const at::Tensor real = at::randn({10, kNeurons});
  const at::Tensor padding = at::randn({6, kNeurons}) * 100;
  NeuronStatistics without(kTop), with(kTop);
  without.add(real, {});
  const at::Tensor counted = at::cat({at::ones({10}), at::zeros({6})}).to(at::kBool);
  with.add(at::cat({real, padding}), counted);
  EXPECT_EQ(with.tokens(), 10);
  EXPECT_TRUE(at::equal(with.norm(), without.norm()));
  EXPECT_TRUE(at::equal(with.mean_abs(), without.mean_abs()));
  EXPECT_TRUE(at::equal(with.top_frequency(), without.top_frequency()));
}

TEST(NeuronStatistics, NothingCountedIsAnError) {
  NeuronStatistics statistics(0);
  statistics.add(at::randn({3, 2}), at::zeros({3}, at::kBool));
  EXPECT_THROW(static_cast<void>(statistics.norm()), UserError);
}

StepContext two_sequences(std::int64_t tokens) {
  StepContext step;
  step.batch = 2;
  step.tokens = tokens;
  step.positions = at::arange(tokens).repeat({2});
  return step;
}

TEST(FfnRecorder, LeavesOutTheFirstTokensOfEverySequence) {
  const at::Tensor rows = at::randn({10, kNeurons});
  FfnRecorder all({.with_gram = true}), later({.first_tokens = 2, .with_gram = true});
  all.record(0, Tap::kDownInput, rows, two_sequences(5));
  later.record(0, Tap::kDownInput, rows, two_sequences(5));
  EXPECT_EQ(all.neurons().tokens(), 10);
  EXPECT_EQ(later.neurons().tokens(), 6);
  const at::Tensor kept = at::cat({rows.narrow(0, 2, 3), rows.narrow(0, 7, 3)});
  NeuronStatistics expected(0);
  expected.add(kept, {});
  EXPECT_TRUE(at::equal(later.neurons().norm(), expected.norm()));
  const at::Tensor gram = kept.t().matmul(kept) / 2;
  EXPECT_LT((later.input_of(Slot::kDown).gram() - gram).abs().max().item<double>(), 1e-5);
}

TEST(FfnRecorder, ListensToTheFeedForwardBlockOnly) {
  FfnRecorder recorder({});
  recorder.record(0, Tap::kQkvInput, at::randn({10, 3}), two_sequences(5));
  recorder.record(0, Tap::kFfnInput, at::randn({10, 3}), two_sequences(5));
  EXPECT_EQ(recorder.neurons().tokens(), 0);
  EXPECT_THROW(static_cast<void>(recorder.input_of(Slot::kUp)), std::logic_error);
}

}  // namespace
}  // namespace assay
