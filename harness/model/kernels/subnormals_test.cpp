#include "harness/model/kernels/subnormals.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <cstring>
#include <limits>

#include "harness/model/kernels/linear.h"

namespace assay {
namespace {

constexpr float kLeast = std::numeric_limits<float>::min();

/// Puts the mode and the number of threads back.
class Subnormals : public ::testing::Test {
 protected:
  void SetUp() override { at::set_num_threads(4); }
  void TearDown() override {
    flush_subnormals(false);
    at::set_num_threads(threads_);
  }
  int threads_ = at::get_num_threads();
};

TEST_F(Subnormals, AreZeroInEveryThreadOfThePool) {
  flush_subnormals(false);
  EXPECT_FALSE(subnormals_are_flushed());
  // Independent of what asks: a product shared out among the threads. 2^-130 * 2^10 is a normal
  // number, unless its factor was read as zero.
  const at::Tensor weight = at::full({4096, 256}, kLeast / 16);
  ASSERT_EQ(count_subnormals(weight), weight.numel());
  ASSERT_TRUE(flush_subnormals());
  EXPECT_TRUE(subnormals_are_flushed());
  const at::Tensor rows = at::full({1, 256}, 1024.0F);
  EXPECT_EQ(dense_product(rows, weight, {}).count_nonzero().item<std::int64_t>(), 0);
  EXPECT_EQ(dense_product(rows.expand({64, 256}).contiguous(), weight, {})
                .count_nonzero()
                .item<std::int64_t>(),
            0);
  flush_subnormals(false);
  EXPECT_EQ(dense_product(rows, weight, {}).count_nonzero().item<std::int64_t>(), 4096);
}

TEST_F(Subnormals, AThreadOfThePoolLeftOutIsNoticed) {
  ASSERT_TRUE(flush_subnormals());
  at::globalContext().setFlushDenormal(false);  // of this thread alone
  EXPECT_FALSE(subnormals_are_flushed());
  at::globalContext().setFlushDenormal(true);
  EXPECT_TRUE(subnormals_are_flushed());
  flush_subnormals(false);
  at::globalContext().setFlushDenormal(true);  // what LibTorch's own switch does
  EXPECT_FALSE(subnormals_are_flushed());
}

TEST_F(Subnormals, ThreadsThatComeLaterInherit) {
  ASSERT_TRUE(flush_subnormals());
  at::set_num_threads(9);
  EXPECT_TRUE(subnormals_are_flushed());
}

TEST_F(Subnormals, AreCounted) {
  for (const bool flush : {false, true}) {
    flush_subnormals(flush);
    at::Tensor some = at::ones({10, 7});
    EXPECT_EQ(count_subnormals(some), 0);
    float* values = some.mutable_data_ptr<float>();
    values[0] = std::numeric_limits<float>::denorm_min();
    values[1] = -std::numeric_limits<float>::denorm_min();
    const std::uint32_t largest_bits = 0x007fffffU;
    std::memcpy(values + 2, &largest_bits, sizeof(largest_bits));
    values[3] = kLeast;
    values[4] = 0.0F;
    values[5] = -0.0F;
    values[6] = std::numeric_limits<float>::infinity();
    EXPECT_EQ(count_subnormals(some), 3) << flush;
  }
  at::Tensor narrow = at::zeros({64}, at::kBFloat16);
  auto* words = reinterpret_cast<std::uint16_t*>(narrow.mutable_data_ptr<at::BFloat16>());
  words[1] = 0x0001;
  words[2] = 0x807f;
  words[3] = 0x0080;
  EXPECT_EQ(count_subnormals(narrow), 2);
  EXPECT_EQ(count_subnormals(at::zeros({3}, at::kHalf)), 0);
  EXPECT_EQ(count_subnormals({}), 0);
}

}  // namespace
}  // namespace assay
