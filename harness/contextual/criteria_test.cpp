#include "harness/contextual/criteria.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>

#include <functional>
#include <set>

#include "harness/base/cell_errors.h"
#include "harness/contextual/contextual_fixture.h"

namespace assay {
namespace {

using testing::HasSubstr;

constexpr std::int64_t kTokens = 5, kHeads = 3, kHeadDim = 4, kWidth = 6, kNeurons = 7;

/// Random numbers in all places; nothing here belongs together.
LayerEvidence random_evidence(bool gated) {
  LayerEvidence e;
  e.layer = 7;
  e.heads = kHeads;
  e.neurons = kNeurons;
  e.context = at::randn({kTokens, kHeads * kHeadDim});
  e.context_gradient = at::randn({kTokens, kHeads * kHeadDim});
  e.attention_gradient = at::randn({kTokens, kWidth});
  e.pre_activation = at::randn({kTokens, kNeurons});
  e.pre_activation_gradient = at::randn({kTokens, kNeurons});
  e.post_activation = at::randn({kTokens, kNeurons});
  e.context_curvature = at::randn({kTokens, kHeads * kHeadDim});
  for (int i = 0; i < (gated ? 2 : 1); ++i) {
    e.weights.push_back({at::randn({kNeurons, kWidth}), at::randn({kNeurons, kWidth})});
  }
  return e;
}

double value_at(const at::Tensor& matrix, std::int64_t row, std::int64_t column) {
  return matrix[row][column].item<double>();
}

/// Loops over tokens and over the dimensions of each head.
class HeadLoops {
 public:
  explicit HeadLoops(const LayerEvidence& evidence) : e_(evidence) {}
  /// `dims`: of a piece of `matrix`.
  at::Tensor sum(const at::Tensor& matrix, std::int64_t dims,
                 const std::function<double(std::int64_t, std::int64_t)>& term,
                 const std::function<double(double)>& of_token,
                 const std::function<double(double)>& of_head) const {
    std::vector<double> scores;
    for (std::int64_t h = 0; h < kHeads; ++h) {
      double head = 0;
      for (std::int64_t t = 0; t < matrix.size(0); ++t) {
        double token = 0;
        for (std::int64_t d = h * dims; d < (h + 1) * dims; ++d) token += term(t, d);
        head += of_token(token);
      }
      scores.push_back(of_head(head));
    }
    return at::tensor(scores, at::kDouble);
  }
  [[nodiscard]] double a(std::int64_t t, std::int64_t d) const {
    return value_at(e_.context, t, d);
  }
  [[nodiscard]] double g(std::int64_t t, std::int64_t d) const {
    return value_at(e_.context_gradient, t, d);
  }

 private:
  const LayerEvidence& e_;
};

double same(double x) { return x; }
double root(double x) { return std::sqrt(x); }
double size(double x) { return std::abs(x); }
double mean(double x) { return x / kTokens; }

at::Tensor plain_heads(const std::string& name, const LayerEvidence& e) {
  const HeadLoops loops(e);
  const auto over = [&](auto term, auto of_token, auto of_head) {
    return loops.sum(e.context, kHeadDim, term, of_token, of_head);
  };
  const auto a = [&](auto t, auto d) { return loops.a(t, d); };
  const auto g = [&](auto t, auto d) { return loops.g(t, d); };
  if (name == "l2_norm" || name == "l2_norm_post") {
    return over([&](auto t, auto d) { return a(t, d) * a(t, d); }, same, root);
  }
  if (name == "plainact")
    return over([&](auto t, auto d) { return a(t, d) * g(t, d); }, size, same);
  if (name == "fisher") {
    return over([&](auto t, auto d) { return std::pow(a(t, d) * g(t, d), 2); }, same, mean);
  }
  if (name == "grad_norm")
    return over([&](auto t, auto d) { return g(t, d) * g(t, d); }, same, root);
  if (name == "snip_true") return over([&](auto t, auto d) { return size(g(t, d)); }, same, same);
  if (name == "snip") {
    return loops.sum(
        e.attention_gradient, kWidth / kHeads,
        [&](auto t, auto d) { return size(value_at(e.attention_gradient, t, d)); }, same, same);
  }
  if (name == "grasp") {
    return over([&](auto t, auto d) { return -a(t, d) * value_at(e.context_curvature, t, d); },
                same, mean);
  }
  EXPECT_EQ(name, "nwot") << "is not looked at";
  return over([&](auto t, auto d) { return a(t, d) <= 0 ? 1.0 : 0.0; }, same,
              [](double x) { return std::log(x); });
}

/// Sum over the rows of a matrix of a function of its elements, column by column, or the reverse.
at::Tensor loop(std::int64_t units, std::int64_t terms,
                const std::function<double(std::int64_t, std::int64_t)>& term,
                const std::function<double(double)>& of_sum) {
  std::vector<double> scores;
  for (std::int64_t n = 0; n < units; ++n) {
    double sum = 0;
    for (std::int64_t i = 0; i < terms; ++i) sum += term(n, i);
    scores.push_back(of_sum(sum));
  }
  return at::tensor(scores, at::kDouble);
}

at::Tensor plain_neurons(const std::string& name, const LayerEvidence& e) {
  std::vector<at::Tensor> all_weights, all_gradients;
  for (const WeightEvidence& one : e.weights) {
    all_weights.push_back(one.weight);
    all_gradients.push_back(one.gradient);
  }
  const at::Tensor w1 = at::cat(all_weights, 1), dw1 = at::cat(all_gradients, 1);
  const auto w = [&](auto n, auto j) { return value_at(w1, n, j); };
  const auto dw = [&](auto n, auto j) { return value_at(dw1, n, j); };
  const auto z = [&](auto n, auto t) { return value_at(e.pre_activation, t, n); };
  const auto dz = [&](auto n, auto t) { return value_at(e.pre_activation_gradient, t, n); };
  const auto post = [&](auto n, auto t) { return value_at(e.post_activation, t, n); };
  const std::int64_t inputs = w1.size(1);
  const auto over_tokens = [&](auto term, auto of_sum) {
    return loop(kNeurons, kTokens, term, of_sum);
  };
  const auto over_inputs = [&](auto term, auto of_sum) {
    return loop(kNeurons, inputs, term, of_sum);
  };
  if (name == "l2_norm") {
    return over_tokens([&](auto n, auto t) { return z(n, t) * z(n, t); }, root);
  }
  if (name == "l2_norm_post") {
    return over_tokens([&](auto n, auto t) { return post(n, t) * post(n, t); }, root);
  }
  if (name == "plainact") {
    return over_inputs([&](auto n, auto j) { return size(w(n, j) * dw(n, j)); }, same);
  }
  if (name == "fisher") {
    return over_tokens([&](auto n, auto t) { return std::pow(z(n, t) * dz(n, t), 2); }, mean);
  }
  if (name == "grad_norm") {
    return over_inputs([&](auto n, auto j) { return dw(n, j) * dw(n, j); }, root);
  }
  if (name == "snip" || name == "snip_true") {
    return over_tokens([&](auto n, auto t) { return size(dz(n, t)); }, same);
  }
  if (name == "grasp") {
    return over_inputs([&](auto n, auto j) { return w(n, j) * dw(n, j); },
                       [&](double x) { return -2 * x / static_cast<double>(inputs); });
  }
  EXPECT_EQ(name, "nwot") << "is not looked at";
  return over_tokens([&](auto n, auto t) { return z(n, t) <= 0 ? 1.0 : 0.0; },
                     [](double x) { return x == 0 ? 0.0 : std::log(x / kTokens); });
}

TEST(Criteria, EqualPlainLoops) {
  for (const bool gated : {false, true}) {
    const LayerEvidence evidence = random_evidence(gated);
    for (const Criterion& criterion : criteria()) {
      if (!criterion.traced) continue;
      const std::string name = criterion.name;
      expect_close(head_scores(criterion, evidence), plain_heads(name, evidence), 1e-5,
                   name + " of heads");
      expect_close(neuron_scores(criterion, evidence), plain_neurons(name, evidence), 1e-5,
                   name + " of neurons");
    }
  }
}

// L = sum over tokens t of c_t . (a_t W) is linear in a, so that the first order is all there is:
// what plainact says of a head is what taking it away from one token after the other changes.
TEST(Criteria, PlainactIsWhatALinearModelLosesWithoutAHead) {
  const at::Tensor a = at::randn({kTokens, kHeads * kHeadDim}, at::kDouble).requires_grad_(true);
  const at::Tensor w = at::randn({kHeads * kHeadDim, kWidth}, at::kDouble);
  const at::Tensor c = at::randn({kTokens, kWidth}, at::kDouble);
  const auto loss = [&](const at::Tensor& context) { return context.matmul(w).mul(c).sum(); };
  loss(a).backward();
  LayerEvidence evidence;
  evidence.heads = kHeads;
  evidence.context = a.detach();
  evidence.context_gradient = a.grad();
  std::vector<double> lost;
  for (std::int64_t h = 0; h < kHeads; ++h) {
    double sum = 0;
    for (std::int64_t t = 0; t < kTokens; ++t) {
      const at::Tensor without = a.detach().clone();
      without[t].narrow(0, h * kHeadDim, kHeadDim).zero_();
      sum += std::abs(loss(without).item<double>() - loss(a.detach()).item<double>());
    }
    lost.push_back(sum);
  }
  expect_close(head_scores(criterion_of("plainact"), evidence), at::tensor(lost, at::kDouble),
               1e-10, "plainact");
}

// A layer without attention or FFN has no scores; its evidence is not asked for.
TEST(Criteria, AMissingBlockHasNoScores) {
  const LayerEvidence none;
  for (const Criterion& criterion : criteria()) {
    if (!criterion.traced) continue;
    EXPECT_EQ(head_scores(criterion, none).numel(), 0) << criterion.name;
    EXPECT_EQ(neuron_scores(criterion, none).numel(), 0) << criterion.name;
  }
}

TEST(Criteria, AScoreThatIsNotFiniteNamesCriterionAndLayer) {
  LayerEvidence evidence = random_evidence(false);
  evidence.context = at::ones({kTokens, kHeads * kHeadDim});  // nothing that nwot could count
  evidence.pre_activation[2][3] = std::nan("");
  try {
    (void)head_scores(criterion_of("nwot"), evidence);
    FAIL() << "the logarithm of 0 is a score";
  } catch (const NonFiniteValue& error) {
    EXPECT_THAT(error.what(), HasSubstr("'nwot'"));
    EXPECT_THAT(error.what(), HasSubstr("heads of layer 7"));
  }
  EXPECT_THROW((void)neuron_scores(criterion_of("l2_norm"), evidence), NonFiniteValue);
}

TEST(Criteria, NwotOfAnAlwaysActiveNeuronIsZero) {
  LayerEvidence evidence = random_evidence(false);
  evidence.pre_activation = at::ones({kTokens, kNeurons});
  evidence.pre_activation[0][1] = -1;
  const at::Tensor scores = neuron_scores(criterion_of("nwot"), evidence);
  EXPECT_DOUBLE_EQ(scores[0].item<double>(), 0);
  EXPECT_NEAR(scores[1].item<double>(), std::log(1.0 / kTokens), 1e-12);
}

TEST(Criteria, WhatIsNotThereIsRefused) {
  LayerEvidence evidence = random_evidence(false);
  EXPECT_THROW((void)head_scores(criterion_of("jacov"), evidence), std::logic_error);
  evidence.context_gradient = at::Tensor();
  evidence.weights.clear();
  EXPECT_THROW((void)head_scores(criterion_of("plainact"), evidence), std::logic_error);
  EXPECT_THROW((void)neuron_scores(criterion_of("plainact"), evidence), std::logic_error);
  evidence.attention_gradient = at::randn({kTokens, kWidth + 1});
  EXPECT_THROW((void)head_scores(criterion_of("snip"), evidence), DoesNotApply);
  try {
    (void)criterion_of("synflow");
    FAIL() << "synflow is a criterion";
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("plainact, fisher"));
  }
}

TEST(Criteria, TheTableIsConsistent) {
  std::set<std::string> names;
  for (const Criterion& criterion : criteria()) {
    EXPECT_TRUE(names.insert(criterion.name).second) << criterion.name;
    EXPECT_EQ(criterion.heads != nullptr, criterion.traced && criterion.of_heads);
    EXPECT_EQ(criterion.neurons != nullptr, criterion.traced && criterion.of_neurons);
    EXPECT_EQ(&criterion_of(criterion.name), &criterion);
  }
  EXPECT_EQ(names.size(), 11U);
}

}  // namespace
}  // namespace assay
