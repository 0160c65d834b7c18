// Quantisers against plain loops: rounding to nearest in float, GPTQ with an explicit inverse of
// the Hessian of the columns that remain, in double.
#include "harness/compress/quantize.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/inverse.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <c10/util/Half.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>
#include <vector>

#include "harness/base/errors.h"

namespace assay {
namespace {

void no_retry(double, double) { FAIL() << "no retry expected"; }

/// Scale and zero point of one group.
std::pair<float, float> naive_grid(const std::vector<double>& weights, std::int64_t bits) {
  double low = 0, high = 0;
  for (const double weight : weights) low = std::min(low, weight), high = std::max(high, weight);
  if (low == high) return {1.0F, 0.0F};
  const double levels = std::exp2(static_cast<double>(bits)) - 1;
  const float scale = static_cast<float>(c10::Half(static_cast<float>((high - low) / levels)));
  return {scale, static_cast<float>(std::rint(-low / static_cast<double>(scale)))};
}

double naive_code(double weight, float scale, float zero, std::int64_t bits) {
  const double levels = std::exp2(static_cast<double>(bits)) - 1;
  return std::clamp(std::rint(weight / static_cast<double>(scale)) + static_cast<double>(zero), 0.0,
                    levels);
}

std::vector<double> row_of(const at::Tensor& weight, std::int64_t row) {
  const at::Tensor wide = weight[row].to(at::kDouble).contiguous();
  return {wide.const_data_ptr<double>(), wide.const_data_ptr<double>() + wide.numel()};
}

std::vector<double> slice(const std::vector<double>& row, std::int64_t first, std::int64_t count) {
  const auto end = std::min(static_cast<std::int64_t>(row.size()), first + count);
  return {row.begin() + first, row.begin() + end};
}

class Rtn : public ::testing::TestWithParam<std::tuple<int, int>> {};

TEST_P(Rtn, EqualsPlainLoopsWithAShortLastGroup) {
  const auto [bits, group] = GetParam();
  at::Tensor weight = at::randn({9, 150});
  weight[3].add_(5);      // no negative weight: the zero point is at the edge
  weight[4].sub_(5);      // no positive one
  weight[5].zero_();      // nothing to scale
  weight[6].mul_(1e-7F);  // scales below what f16 holds with full precision
  const Quantized found = quantize_rtn(weight, {bits, group});
  int different = 0;
  for (std::int64_t r = 0; r < 9; ++r) {
    const std::vector<double> row = row_of(weight, r);
    for (std::int64_t c = 0; c < 150; ++c) {
      const std::int64_t first = c / group * group;
      const auto [scale, zero] = naive_grid(slice(row, first, group), bits);
      if (r != 6) {
        ASSERT_EQ(found.scales[r][c / group].item<float>(), scale) << r << "," << c;
        ASSERT_EQ(found.zeros[r][c / group].item<float>(), zero) << r << "," << c;
      }
      const float own_scale = found.scales[r][c / group].item<float>();
      const float own_zero = found.zeros[r][c / group].item<float>();
      const double code = naive_code(row[static_cast<std::size_t>(c)], own_scale, own_zero, bits);
      different += found.codes[r][c].item<double>() == code ? 0 : 1;
    }
  }
  EXPECT_LE(different, 1);  // a quotient that is a tie in float only
}

TEST_P(Rtn, ErrorIsAtMostHalfAStepAndZeroStaysZero) {
  const auto [bits, group] = GetParam();
  at::Tensor weight = at::randn({16, 128});
  weight.narrow(1, 7, 5).zero_();
  const Quantized found = quantize_rtn(weight, {bits, group});
  const at::Tensor error = (dequantise(found) - weight).abs();
  const at::Tensor step = found.scales.repeat_interleave(group, 1).narrow(1, 0, 128);
  // Half a step; a whole one at the ends, where a rounded zero point or scale clips.
  EXPECT_TRUE(error.le(step * 1.01).all().item<bool>());
  EXPECT_GT(error.le(step * 0.501).to(at::kFloat).mean().item<double>(), 0.9);
  EXPECT_EQ(dequantise(found).narrow(1, 7, 5).abs().max().item<double>(), 0);
}

INSTANTIATE_TEST_SUITE_P(BitsAndGroups, Rtn,
                         ::testing::Values(std::tuple(2, 32), std::tuple(3, 64), std::tuple(4, 128),
                                           std::tuple(8, 32), std::tuple(4, 256)));

/// Rows of inputs whose features depend on each other.
at::Tensor correlated_inputs(std::int64_t rows, std::int64_t width) {
  return at::randn({rows, 8}).matmul(at::randn({8, width})) + at::randn({rows, width}) * 0.3;
}

at::Tensor hessian_of(const at::Tensor& x) {
  return x.t().matmul(x).mul_(2.0 / static_cast<double>(x.size(0)));
}

/// Codes of one row: after each column, the optimal change of those that follow, from the inverse
/// of their part of the Hessian.
std::vector<double> naive_gptq_row(std::vector<double> row, const std::vector<at::Tensor>& inverses,
                                   std::int64_t bits, std::int64_t group) {
  std::vector<double> codes;
  float scale = 1, zero = 0;
  for (std::size_t c = 0; c < row.size(); ++c) {
    const auto column = static_cast<std::int64_t>(c);
    if (column % group == 0) std::tie(scale, zero) = naive_grid(slice(row, column, group), bits);
    codes.push_back(naive_code(row[c], scale, zero, bits));
    const double value = static_cast<double>(scale) * (codes.back() - static_cast<double>(zero));
    const double* inverse = inverses[c].const_data_ptr<double>();
    const double error = (row[c] - value) / inverse[0];
    for (std::size_t j = c; j < row.size(); ++j) row[j] -= error * inverse[j - c];
  }
  return codes;
}

class Gptq : public ::testing::TestWithParam<std::tuple<int, int, int>> {};

TEST_P(Gptq, EqualsColumnByColumnInDoubleButForRareTies) {
  at::set_num_threads(1);  // hundreds of small inverses
  const auto [bits, group, cols] = GetParam();
  const at::Tensor weight = at::randn({6, cols});
  const at::Tensor hessian = hessian_of(correlated_inputs(4 * cols, cols));
  const double damping = 0.01;
  at::Tensor damped = hessian.to(at::kDouble);
  damped.diagonal().add_(damping * damped.diagonal().mean().item<double>());
  std::vector<at::Tensor> inverses;
  for (std::int64_t c = 0; c < cols; ++c) {
    inverses.push_back(
        at::inverse(damped.narrow(0, c, cols - c).narrow(1, c, cols - c).contiguous())
            .contiguous());
  }
  const Quantized found = quantize_gptq(weight, hessian, {bits, group}, damping, no_retry);
  std::int64_t same = 0;
  for (std::int64_t r = 0; r < 6; ++r) {
    const std::vector<double> codes = naive_gptq_row(row_of(weight, r), inverses, bits, group);
    for (std::int64_t c = 0; c < cols; ++c) {
      same += found.codes[r][c].item<double>() == codes[static_cast<std::size_t>(c)] ? 1 : 0;
    }
  }
  // One tie moves the columns behind it in its row a little, so a few more may differ.
  EXPECT_GT(static_cast<double>(same), 0.97 * static_cast<double>(6 * cols));
}

INSTANTIATE_TEST_SUITE_P(BitsGroupsColumns, Gptq,
                         ::testing::Values(std::tuple(4, 32, 150), std::tuple(3, 96, 200),
                                           std::tuple(2, 64, 128), std::tuple(8, 160, 192),
                                           std::tuple(4, 256, 200)));

TEST(Gptq, EqualsRtnWhenTheInputsAreIndependent) {
  const at::Tensor weight = at::randn({12, 200});
  const Quantized gptq = quantize_gptq(weight, at::eye(200), {3, 64}, 0.01, no_retry);
  const Quantized rtn = quantize_rtn(weight, {3, 64});
  EXPECT_TRUE(at::equal(gptq.codes, rtn.codes));
  EXPECT_TRUE(at::equal(gptq.scales, rtn.scales));
  EXPECT_TRUE(at::equal(gptq.zeros, rtn.zeros));
}

TEST(Gptq, MovesTheOutputLessThanRtnOnCorrelatedInputs) {
  const at::Tensor weight = at::randn({64, 256});
  const at::Tensor x = correlated_inputs(1024, 256);
  for (const std::int64_t bits : {2, 3, 4}) {
    const QuantizeOptions options{bits, 64};
    const auto output_error = [&](const Quantized& q) {
      return x.matmul((weight - dequantise(q)).t()).square().sum().item<double>();
    };
    const double gptq = output_error(quantize_gptq(weight, hessian_of(x), options, 0.01, no_retry));
    EXPECT_LT(gptq, 0.5 * output_error(quantize_rtn(weight, options))) << bits << " bits";
  }
}

TEST(Gptq, InputsThatNeverWereActiveLoseTheirColumn) {
  at::Tensor x = correlated_inputs(512, 64);
  x.narrow(1, 10, 3).zero_();
  const Quantized found = quantize_gptq(at::randn({8, 64}), hessian_of(x), {4, 32}, 0.01, no_retry);
  EXPECT_EQ(dequantise(found).narrow(1, 10, 3).abs().max().item<double>(), 0);
}

TEST(Quantize, RefusesWhatItCannotHold) {
  at::Tensor weight = at::randn({4, 64});
  EXPECT_THROW(quantize_rtn(weight, {5, 32}), std::logic_error);
  EXPECT_THROW(quantize_rtn(weight, {4, 20}), std::logic_error);
  weight[1][1] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THROW(quantize_rtn(weight, {4, 32}), UserError);
  EXPECT_THROW(quantize_gptq(weight, at::eye(64), {4, 32}, 0.01, no_retry), UserError);
}

}  // namespace
}  // namespace assay
