#include "harness/method/masks.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "harness/base/errors.h"
#include "harness/method/recording_context.h"

namespace assay {
namespace {

TEST(PackedMask, BitsAreColumnsFromTheLeastSignificant) {
  const at::Tensor mask =
      at::tensor({1, 0, 0, 0, 0, 0, 0, 1, 0, 1}, at::kInt).view({1, 10}).to(at::kBool);
  const at::Tensor bytes = pack_mask(mask);
  ASSERT_EQ(bytes.sizes(), (std::vector<std::int64_t>{1, 2}));
  EXPECT_EQ(bytes[0][0].item<int>(), 0x81);
  EXPECT_EQ(bytes[0][1].item<int>(), 0x02);
}

TEST(PackedMask, ComesBackForAnyWidth) {
  for (const std::int64_t columns : {1, 7, 8, 9, 64, 77}) {
    const at::Tensor mask = at::rand({5, columns}).gt(0.5);
    EXPECT_TRUE(at::equal(unpack_mask(pack_mask(mask), columns), mask)) << columns;
  }
}

TEST(PackedMask, OfAnotherWidthIsRefused) {
  EXPECT_THROW(unpack_mask(pack_mask(at::rand({2, 16}).gt(0.5)), 17), UserError);
}

TEST(ApplyMask, KeptWeightsStayBitIdenticalAndPrunedOnesAreExactlyZero) {
  const at::Tensor weight = at::randn({4, 9});
  const at::Tensor before = weight.clone();
  const at::Tensor keep = at::rand({4, 9}).gt(0.5);
  apply_mask(weight, keep);
  for (std::int64_t i = 0; i < weight.numel(); ++i) {
    const float now = weight.flatten()[i].item<float>();
    const float old = before.flatten()[i].item<float>();
    EXPECT_EQ(now, keep.flatten()[i].item<bool>() ? old : 0.0F);
    EXPECT_FALSE(now == 0 && std::signbit(now));
  }
}

TEST(SparsityRecord, CountsZerosByMatrixAndInAll) {
  RecordingContext context({}, 0, {});
  SparsityRecord record(context);
  record.add("layer.0.q", at::tensor({0.0F, 1.0F, 0.0F, 2.0F}));
  record.add("layer.0.k", at::tensor({1.0F, 2.0F}));
  record.finish();
  EXPECT_EQ(context.metrics.at("achieved_sparsity/layer.0.q"), 0.5);
  EXPECT_EQ(context.metrics.at("achieved_sparsity/layer.0.k"), 0);
  EXPECT_DOUBLE_EQ(context.metrics.at("achieved_sparsity"), 2.0 / 6.0);
}

}  // namespace
}  // namespace assay
