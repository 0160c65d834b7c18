#include "harness/contextual/static_scores.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>

#include <map>

#include "harness/base/cell_errors.h"
#include "harness/contextual/contextual_fixture.h"

namespace assay {
namespace {

using Rows = std::vector<std::vector<double>>;

constexpr std::int64_t kHeads = 2, kHeadDim = 8;

/// Only gradients of contexts; the first token is not scored.
SequenceEvidence random_sequence(const std::vector<std::int64_t>& tokens, std::int64_t layers) {
  SequenceEvidence evidence;
  evidence.tokens = at::tensor(tokens, at::kLong);
  evidence.scored = at::arange(evidence.tokens.size(0), at::kLong).ge(1);
  for (std::int64_t i = 0; i < layers; ++i) {
    LayerEvidence layer;
    layer.layer = i;
    layer.heads = kHeads;
    layer.context_gradient = at::randn({evidence.tokens.size(0), kHeads * kHeadDim});
    evidence.layers.push_back(layer);
  }
  return evidence;
}

std::vector<double> row_of(const at::Tensor& gradients, std::int64_t token, std::int64_t head) {
  std::vector<double> row;
  for (std::int64_t d = 0; d < kHeadDim; ++d) {
    row.push_back(gradients[token][head * kHeadDim + d].item<double>());
  }
  return row;
}

double correlation(const std::vector<double>& x, const std::vector<double>& y) {
  double mean_x = 0, mean_y = 0, xy = 0, xx = 0, yy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    mean_x += x[i] / static_cast<double>(x.size());
    mean_y += y[i] / static_cast<double>(y.size());
  }
  for (std::size_t i = 0; i < x.size(); ++i) {
    xy += (x[i] - mean_x) * (y[i] - mean_y);
    xx += (x[i] - mean_x) * (x[i] - mean_x);
    yy += (y[i] - mean_y) * (y[i] - mean_y);
  }
  return xy / std::sqrt(xx * yy);
}

// Three rows: the eigenvalues of [[1,p,q],[p,1,r],[q,r,1]] are 1 + roots of x^3 - (p2+q2+r2)x -
// 2pqr, which Cardano's formula gives.
std::vector<double> eigenvalues_of_three(const Rows& rows) {
  constexpr double kThirdOfTurn = 2.0943951023931953;
  const double p = correlation(rows[0], rows[1]), q = correlation(rows[0], rows[2]),
               r = correlation(rows[1], rows[2]);
  const double third = (p * p + q * q + r * r) / 3, half = p * q * r;
  const double angle = std::acos(half / std::pow(third, 1.5)) / 3;
  std::vector<double> values;
  for (int k = 0; k < 3; ++k) {
    values.push_back(1 + 2 * std::sqrt(third) * std::cos(angle + k * kThirdOfTurn));
  }
  return values;
}

TEST(StaticScores, JacovOfThreeRowsEqualsCardanosFormula) {
  SequenceEvidence evidence = random_sequence({4, 5, 6, 7}, 1);
  evidence.layers[0].context_gradient[1].zero_();  // a row whose sum is 0 does not count
  const std::unique_ptr<StaticScores> scores = static_scores(criterion_of("jacov"));
  scores->add(evidence);
  for (std::int64_t head = 0; head < kHeads; ++head) {
    Rows rows;
    for (const std::int64_t token : {0, 2, 3}) {
      rows.push_back(row_of(evidence.layers[0].context_gradient, token, head));
    }
    double expected = 0;
    for (const double v : eigenvalues_of_three(rows)) {
      expected -= std::log(v + 1e-5) + 1 / (v + 1e-5);
    }
    EXPECT_NEAR(scores->heads()[0][head].item<double>(), expected, 1e-5 * std::abs(expected));
  }
}

TEST(StaticScores, JacovTakesTheFirstTwoHundredRows) {
  const std::vector<std::int64_t> tokens(150, 1);
  const SequenceEvidence first = random_sequence(tokens, 1);
  const auto score = [&](const SequenceEvidence& second) {
    const std::unique_ptr<StaticScores> scores = static_scores(criterion_of("jacov"));
    scores->add(first);
    scores->add(second);
    return scores->heads()[0][0].item<double>();
  };
  SequenceEvidence second = random_sequence(tokens, 1);
  const double whole = score(second);
  second.layers[0].context_gradient[50].mul_(at::arange(kHeads * kHeadDim).add(1));  // the 201st
  EXPECT_EQ(score(second), whole);
  second.layers[0].context_gradient[49].mul_(at::arange(kHeads * kHeadDim).add(1));
  EXPECT_NE(score(second), whole);
  // Rows of 8 numbers without their mean have rank 7.
  EXPECT_NEAR(whole, -193 * 1e5, 1e4);
}

double plain_epenas(const std::vector<SequenceEvidence>& sequences, std::size_t layer,
                    std::int64_t head) {
  std::map<std::int64_t, Rows> by_token;
  for (const SequenceEvidence& sequence : sequences) {
    for (std::int64_t i = 1; i < sequence.tokens.size(0); ++i) {
      by_token[sequence.tokens[i].item<std::int64_t>()].push_back(
          row_of(sequence.layers[layer].context_gradient, i - 1, head));
    }
  }
  std::vector<double> sums;
  for (const auto& [token, rows] : by_token) {
    if (rows.size() <= 4) continue;
    double sum = 0;
    for (const auto& x : rows) {
      for (const auto& y : rows) sum += std::log(std::abs(correlation(x, y)) + 1e-5);
    }
    if (!std::isnan(sum)) sums.push_back(sum);
  }
  double score = 0;
  for (const double a : sums) {
    for (const double b : sums) score += std::abs(a - b);
  }
  return score;
}

// Tokens 1, 2 and 3 are scored more than 4 times, 4 is scored 4 times; 3 is predicted by a row of
// zeros once.
TEST(StaticScores, EpenasEqualsPlainLoops) {
  std::vector<SequenceEvidence> sequences = {
      random_sequence({9, 1, 2, 3, 1, 2, 4, 4, 1, 2, 3, 1, 5}, 2),
      random_sequence({2, 1, 2, 3, 1, 2, 4, 4, 1, 3, 6, 3}, 2)};
  sequences[1].layers[0].context_gradient[10].zero_();
  const std::unique_ptr<StaticScores> scores = static_scores(criterion_of("epenas"));
  for (const SequenceEvidence& sequence : sequences) scores->add(sequence);
  const LayerScores heads = scores->heads();
  for (std::size_t layer = 0; layer < 2; ++layer) {
    for (std::int64_t head = 0; head < kHeads; ++head) {
      const double expected = plain_epenas(sequences, layer, head);
      EXPECT_GT(expected, 0);
      EXPECT_NEAR(heads[layer][head].item<double>(), expected, 1e-5 * expected);
    }
  }
}

TEST(StaticScores, TracedOnesAreSummed) {
  SequenceEvidence first = random_sequence({1, 2, 3}, 2), second = random_sequence({1, 2, 3, 4}, 2);
  const Criterion& criterion = criterion_of("snip_true");
  for (SequenceEvidence* sequence : {&first, &second}) {
    for (LayerEvidence& layer : sequence->layers) {
      layer.neurons = 5;
      layer.pre_activation_gradient = at::randn({3, 5});
    }
  }
  const std::unique_ptr<StaticScores> scores = static_scores(criterion);
  scores->add(first);
  scores->add(second);
  for (std::size_t i = 0; i < 2; ++i) {
    expect_close(
        scores->heads()[i],
        head_scores(criterion, first.layers[i]).add(head_scores(criterion, second.layers[i])),
        1e-12, "heads");
    expect_close(
        scores->neurons()[i],
        neuron_scores(criterion, first.layers[i]).add(neuron_scores(criterion, second.layers[i])),
        1e-12, "neurons");
  }
}

TEST(StaticScores, WhatIsNotThereIsRefused) {
  EXPECT_THROW((void)static_scores(criterion_of("plainact"))->heads(), std::logic_error);
  EXPECT_THROW((void)static_scores(criterion_of("jacov"))->heads(), std::logic_error);
  SequenceEvidence evidence = random_sequence({1, 2, 3}, 1);
  const std::unique_ptr<StaticScores> scores = static_scores(criterion_of("jacov"));
  scores->add(evidence);
  EXPECT_THROW((void)scores->neurons(), std::logic_error);
  evidence.layers[0].context_gradient = at::Tensor();
  EXPECT_THROW(scores->add(evidence), std::logic_error);
}

TEST(StaticScores, RowsWithoutCorrelationNameCriterionAndLayer) {
  SequenceEvidence evidence = random_sequence({1, 2, 3}, 2);
  evidence.layers[1].context_gradient = at::ones({3, kHeads * kHeadDim});
  const std::unique_ptr<StaticScores> scores = static_scores(criterion_of("jacov"));
  scores->add(evidence);
  try {
    (void)scores->heads();
    FAIL() << "constant rows have a score";
  } catch (const NonFiniteValue& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("'jacov'"));
    EXPECT_THAT(error.what(), testing::HasSubstr("layer 1"));
  }
}

}  // namespace
}  // namespace assay
