// Packed matrices against loops in double precision over the codes as they were given.
#include "harness/model/kernels/packed.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "harness/model/kernels/packed_cpu.h"

namespace assay {
namespace {

/// Codes as a method would give them, and the weights that they mean.
struct Sample {
  at::Tensor codes, scales, zeros;  ///< uint8, f32 (f16 values), uint8
  PackedMatrix matrix;
  at::Tensor weight;  ///< f64 [rows, cols]
};

Sample make_sample(std::int64_t rows, std::int64_t cols, std::int64_t bits, std::int64_t group) {
  const std::int64_t groups = (cols + group - 1) / group, levels = std::int64_t{1} << bits;
  Sample s;
  s.codes = at::randint(levels, {rows, cols}, at::kByte);
  s.scales = (at::rand({rows, groups}) + 0.1).to(at::kHalf).to(at::kFloat);
  s.zeros = at::randint(levels, {rows, groups}, at::kByte);
  s.matrix = pack_matrix(s.codes, s.scales, s.zeros, bits, group);
  s.weight = at::empty({rows, cols}, at::kDouble);
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = 0; c < cols; ++c) {
      const std::int64_t at = r * groups + c / group;
      const int code = s.codes.const_data_ptr<std::uint8_t>()[r * cols + c];
      const int zero = s.zeros.const_data_ptr<std::uint8_t>()[at];
      s.weight.mutable_data_ptr<double>()[r * cols + c] =
          static_cast<double>(s.scales.const_data_ptr<float>()[at]) * (code - zero);
    }
  }
  return s;
}

at::Tensor naive(const at::Tensor& rows, const at::Tensor& weight, const at::Tensor& bias) {
  const at::Tensor x = rows.to(at::kDouble).contiguous();
  at::Tensor y = at::empty({x.size(0), weight.size(0)}, at::kDouble);
  for (std::int64_t b = 0; b < x.size(0); ++b) {
    for (std::int64_t r = 0; r < weight.size(0); ++r) {
      double sum = bias.defined() ? bias[r].item<double>() : 0.0;
      const double* xs = x.const_data_ptr<double>() + b * x.size(1);
      const double* ws = weight.const_data_ptr<double>() + r * x.size(1);
      for (std::int64_t c = 0; c < x.size(1); ++c) sum += xs[c] * ws[c];
      y.mutable_data_ptr<double>()[b * weight.size(0) + r] = sum;
    }
  }
  return y;
}

/// Largest deviation, as a share of a typical product's size.
double deviation(const at::Tensor& y, const at::Tensor& expected, const at::Tensor& weight) {
  const double size = weight.norm().item<double>() / std::sqrt(double(weight.size(0)));
  return (y.to(at::kDouble) - expected).abs().max().item<double>() / size;
}

double tolerance(at::ScalarType dtype) { return dtype == at::kFloat ? 2e-4 : 4e-2; }

void expect_product(const Sample& sample, const at::Tensor& rows, const at::Tensor& bias) {
  const at::Tensor y = packed_product(rows, sample.matrix, bias);
  EXPECT_EQ(y.scalar_type(), rows.scalar_type());
  const at::Tensor expected = naive(rows, sample.weight, bias);
  EXPECT_EQ(y.sizes(), expected.sizes());
  EXPECT_LE(deviation(y, expected, sample.weight), tolerance(rows.scalar_type()))
      << sample.matrix.bits << " bits, group " << sample.matrix.group << ", " << rows.sizes();
}

class Packed : public ::testing::TestWithParam<std::int64_t> {
 protected:
  void SetUp() override { at::manual_seed(11); }
  c10::InferenceMode inference_;
};

TEST_P(Packed, CodesComeBack) {
  for (const std::int64_t cols : {1, 31, 32, 33, 100, 256, 576, 1536}) {
    const Sample sample = make_sample(5, cols, GetParam(), 128);
    EXPECT_TRUE(unpack_codes(sample.matrix).equal(sample.codes)) << cols;
  }
}

TEST_P(Packed, DequantisesAsWritten) {
  for (const std::int64_t cols : {1, 33, 200, 576}) {
    const Sample sample = make_sample(7, cols, GetParam(), 64);
    const at::Tensor exact = sample.weight.to(at::kFloat);
    EXPECT_TRUE(dequantise(sample.matrix, at::kFloat).equal(exact)) << cols;
    EXPECT_TRUE(dequantise(sample.matrix, at::kBFloat16).equal(exact.to(at::kBFloat16))) << cols;
  }
}

TEST_P(Packed, EqualsTheNaiveLoop) {
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    for (const std::int64_t cols : {1, 31, 64, 257, 576, 1024, 1536}) {
      for (const std::int64_t batch : {1, 2, 3, 5, 8, 9, 40}) {
        const Sample sample = make_sample(37, cols, GetParam(), 128);
        expect_product(sample, at::randn({batch, cols}).to(dtype), {});
      }
    }
  }
}

TEST_P(Packed, TakesGroupsOfEveryMultipleOf32) {
  for (const std::int64_t group : {32, 64, 96, 128, 160, 256, 384, 512, 576, 1024}) {
    const Sample sample = make_sample(9, 576, GetParam(), group);
    expect_product(sample, at::randn({1, 576}), {});
    expect_product(sample, at::randn({4, 576}), {});
    expect_product(sample, at::randn({12, 576}), {});
  }
}

TEST_P(Packed, AddsTheBias) {
  const Sample sample = make_sample(70, 192, GetParam(), 128);
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    const at::Tensor bias = (10 * at::randn({70})).to(dtype);
    expect_product(sample, at::randn({2, 192}).to(dtype), bias);
    expect_product(sample, at::randn({20, 192}).to(dtype), bias);
  }
}

TEST_P(Packed, SameBitsForAnyNumberOfThreads) {
  const Sample sample = make_sample(1537, 576, GetParam(), 128);
  const int before = at::get_num_threads();
  for (const std::int64_t batch : {3, 100}) {
    const at::Tensor rows = at::randn({batch, 576});
    at::set_num_threads(1);
    const at::Tensor one = packed_product(rows, sample.matrix, {});
    at::set_num_threads(2);
    const at::Tensor two = packed_product(rows, sample.matrix, {});
    at::set_num_threads(before);
    EXPECT_TRUE(one.equal(two)) << batch;
  }
}

/// The same bits: what is scored (many rows) is what is deployed (one).
void expect_rows_alone(const Sample& sample, const at::Tensor& rows) {
  const at::Tensor bias = at::randn({sample.matrix.rows});
  const at::Tensor batch = packed_product(rows, sample.matrix, bias);
  for (std::int64_t b = 0; b < rows.size(0); ++b) {
    const at::Tensor alone = packed_product(rows.narrow(0, b, 1), sample.matrix, bias);
    EXPECT_TRUE(alone.equal(batch.narrow(0, b, 1)))
        << "row " << b << " of " << rows.size(0) << ", " << packed_target() << ", "
        << sample.matrix.bits << " bits, group " << sample.matrix.group;
  }
}

TEST_P(Packed, RowsOfABatchAreTheRowsAlone) {
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    const Sample sample = make_sample(19, 576, GetParam(), 128);
    for (const std::int64_t batch : {2, 3, 4, 5, 8, 9, 16, 37, 600}) {
      expect_rows_alone(sample, at::randn({batch, 576}).to(dtype));
    }
  }
}

TEST_P(Packed, ManyRowsOfAWideMatrixAreTheRowsAlone) {
  // Several pieces of the matrix, several blocks of rows.
  expect_rows_alone(make_sample(1100, 1536, GetParam(), 128), at::randn({19, 1536}));
}

TEST_P(Packed, KeepsSmallActivationsBesideLargeOnes) {
  // Each 32 columns have their own fixed point: an outlier spoils its neighbours only.
  const Sample sample = make_sample(6, 256, GetParam(), 128);
  at::Tensor rows = at::randn({1, 256}) * 1e-6;
  const at::Tensor calm = packed_product(rows, sample.matrix, {});
  EXPECT_LE(deviation(calm * 1e6, 1e6 * naive(rows, sample.weight, {}), sample.weight), 2e-4);
  rows[0][40] = 1e5F;
  const at::Tensor loud = packed_product(rows, sample.matrix, {});
  EXPECT_LE(deviation(loud * 1e-5, 1e-5 * naive(rows, sample.weight, {}), sample.weight), 2e-4);
}

TEST_P(Packed, ShowsWhatIsNotANumber) {
  const Sample sample = make_sample(6, 200, GetParam(), 128);
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), HUGE_VALF, -HUGE_VALF}) {
    for (const std::int64_t batch : {2, 12}) {
      at::Tensor rows = at::randn({batch, 200});
      rows[1][199] = bad;
      const at::Tensor y = packed_product(rows, sample.matrix, {});
      EXPECT_FALSE(y[1].isfinite().any().item<bool>());
      EXPECT_TRUE(y[0].isfinite().all().item<bool>()) << "the other rows stay what they are";
    }
  }
}

TEST_P(Packed, ZerosGiveZero) {
  const Sample sample = make_sample(6, 100, GetParam(), 32);
  EXPECT_EQ(packed_product(at::zeros({1, 100}), sample.matrix, {}).abs().max().item<float>(), 0.0F);
  EXPECT_EQ(packed_product(at::zeros({0, 100}), sample.matrix, {}).size(0), 0);
}

TEST_P(Packed, GroupsThatColumnsDoNotFill) {
  for (const std::int64_t group : {32, 96, 128, 256}) {
    const Sample sample = make_sample(13, 600, GetParam(), group);
    expect_product(sample, at::randn({1, 600}), {});
    expect_product(sample, at::randn({7, 600}), {});
    expect_rows_alone(sample, at::randn({21, 600}));
    EXPECT_TRUE(dequantise(sample.matrix, at::kFloat).equal(sample.weight.to(at::kFloat)));
  }
}

INSTANTIATE_TEST_SUITE_P(Bits, Packed, ::testing::Values<std::int64_t>(2, 3, 4, 8));

TEST(PackedTest, CountsItsBytes) {
  EXPECT_EQ(make_sample(10, 576, 4, 128).matrix.bytes(), 10 * (576 / 2 + 5 * 3));
  EXPECT_EQ(make_sample(10, 576, 3, 128).matrix.bytes(), 10 * (576 * 3 / 8 + 5 * 3));
  EXPECT_EQ(packed_bytes(10, 576, 3, 128), 10 * (576 * 3 / 8 + 5 * 3));
  EXPECT_EQ(make_sample(10, 33, 2, 32).matrix.bytes(), 10 * (64 / 4 + 2 * 3)) << "whole units";
}

TEST(PackedTest, RefusesWhatDoesNotFit) {
  const Sample sample = make_sample(4, 64, 4, 32);
  const auto pack = [&](std::int64_t bits, std::int64_t group) {
    return pack_matrix(sample.codes, sample.scales, sample.zeros, bits, group);
  };
  EXPECT_THROW(pack(5, 32), std::logic_error);
  EXPECT_THROW(pack(4, 33), std::logic_error);
  EXPECT_THROW(pack(4, 64), std::logic_error) << "two groups' scales for one";
  EXPECT_THROW(pack_matrix(at::full({4, 64}, 4, at::kByte), sample.scales, sample.zeros, 2, 32),
               std::logic_error)
      << "code 4 has three bits";
  EXPECT_THROW(packed_product(at::randn({1, 63}), sample.matrix, {}), std::logic_error);
  EXPECT_THROW(packed_product(at::randn({1, 64}), sample.matrix, at::randn({5})), std::logic_error);
  PackedMatrix broken = sample.matrix;
  broken.codes = broken.codes.narrow(0, 0, 3);
  EXPECT_THROW(packed_product(at::randn({1, 64}), broken, {}), std::logic_error);
}

}  // namespace
}  // namespace assay
