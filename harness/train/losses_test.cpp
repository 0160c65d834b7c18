// Losses against their formulas in doubles, their gradients against finite differences.
#include "harness/train/losses.h"

#include <ATen/ops/ones.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

namespace assay {
namespace {

double at_place(const at::Tensor& tensor, std::int64_t row, std::int64_t column) {
  return tensor[row][column].item<double>();
}

/// log softmax(row / temperature)[column]
double log_softmax(const at::Tensor& scores, std::int64_t row, std::int64_t column,
                   double temperature = 1) {
  double sum = 0;
  for (std::int64_t c = 0; c < scores.size(1); ++c) {
    sum += std::exp(at_place(scores, row, c) / temperature);
  }
  return at_place(scores, row, column) / temperature - std::log(sum);
}

/// The gradient of `loss` at `x` against central differences of each element.
void expect_gradient(const at::Tensor& x,
                     const std::function<at::Tensor(const at::Tensor&)>& loss) {
  const at::Tensor leaf = x.clone().requires_grad_();
  loss(leaf).backward();
  constexpr double kStep = 1e-2;
  for (std::int64_t i = 0; i < x.numel(); ++i) {
    const auto moved = [&](double by) {
      at::Tensor other = x.clone();
      other.view(-1)[i].add_(by);
      return loss(other).item<double>();
    };
    EXPECT_NEAR(leaf.grad().view(-1)[i].item<double>(),
                (moved(kStep) - moved(-kStep)) / (2 * kStep), 2e-3);
  }
}

class Losses : public testing::Test {
 protected:
  at::Tensor scores_ = at::randn({4, 3}), other_ = at::randn({4, 3});
  at::Tensor targets_ = at::randint(0, 3, {4}, at::kLong);
};

TEST_F(Losses, CrossEntropy) {
  double expected = 0;
  for (std::int64_t i = 0; i < 4; ++i) {
    expected -= log_softmax(scores_, i, targets_[i].item<std::int64_t>()) / 4;
  }
  EXPECT_NEAR(cross_entropy(scores_, targets_).item<double>(), expected, 1e-6);
  expect_gradient(scores_, [&](const at::Tensor& x) { return cross_entropy(x, targets_); });
}

TEST_F(Losses, BinaryCrossEntropyWithWeights) {
  const at::Tensor wanted = at::rand({4, 3}).gt(0.5).to(at::kFloat);
  const BinaryWeights weights{at::rand({4, 3}), at::rand({3}).add(1)};
  double expected = 0;
  for (std::int64_t i = 0; i < 4; ++i) {
    for (std::int64_t j = 0; j < 3; ++j) {
      const double sigmoid = 1 / (1 + std::exp(-at_place(scores_, i, j)));
      const double t = at_place(wanted, i, j), p = weights.positive[j].item<double>();
      expected -= at_place(weights.element, i, j) *
                  (p * t * std::log(sigmoid) + (1 - t) * std::log(1 - sigmoid)) / 12;
    }
  }
  const auto loss = [&](const at::Tensor& x) { return binary_cross_entropy(x, wanted, weights); };
  EXPECT_NEAR(loss(scores_).item<double>(), expected, 1e-6);
  expect_gradient(scores_, loss);
  const BinaryWeights ones{at::ones({4, 3}), at::ones({3})};
  EXPECT_EQ(binary_cross_entropy(scores_, wanted).item<double>(),
            binary_cross_entropy(scores_, wanted, ones).item<double>());
}

TEST_F(Losses, MeanSquaredError) {
  double expected = 0;
  for (std::int64_t i = 0; i < 4; ++i) {
    for (std::int64_t j = 0; j < 3; ++j) {
      expected += std::pow(at_place(scores_, i, j) - at_place(other_, i, j), 2) / 12;
    }
  }
  EXPECT_NEAR(mean_squared_error(scores_, other_).item<double>(), expected, 1e-5);
  expect_gradient(scores_, [&](const at::Tensor& x) { return mean_squared_error(x, other_); });
}

TEST_F(Losses, DistillationWeighsByTheTeacher) {
  constexpr double kTemperature = 3;
  double expected = 0;
  for (std::int64_t i = 0; i < 4; ++i) {
    for (std::int64_t j = 0; j < 3; ++j) {
      const double wanted = log_softmax(other_, i, j, kTemperature);
      expected += std::exp(wanted) * (wanted - log_softmax(scores_, i, j, kTemperature));
    }
  }
  const auto loss = [&](const at::Tensor& x) { return distillation_loss(x, other_, kTemperature); };
  EXPECT_NEAR(loss(scores_).item<double>(), kTemperature * kTemperature * expected / 4, 1e-5);
  expect_gradient(scores_, loss);
  EXPECT_NEAR(loss(other_).item<double>(), 0, 1e-6);
}

TEST_F(Losses, ATeacherGetsNoGradient) {
  const at::Tensor teacher = other_.clone().requires_grad_();
  distillation_loss(scores_.clone().requires_grad_(), teacher, 2).backward();
  EXPECT_FALSE(teacher.grad().defined());
}

// Parts of a batch, weighted by their size, are the batch: micro-batches rest on it.
TEST_F(Losses, AreMeansOverRows) {
  const double whole = cross_entropy(scores_, targets_).item<double>();
  const auto part = [&](std::int64_t begin, std::int64_t count) {
    return cross_entropy(scores_.narrow(0, begin, count), targets_.narrow(0, begin, count))
               .item<double>() *
           static_cast<double>(count) / 4;
  };
  EXPECT_NEAR(part(0, 1) + part(1, 3), whole, 1e-6);
}

}  // namespace
}  // namespace assay
