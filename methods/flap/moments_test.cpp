#include "methods/flap/moments.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/full.h>
#include <ATen/ops/randn.h>
#include <gtest/gtest.h>

namespace assay::flap {
namespace {

TEST(ChannelMoments, BatchesEqualAllAtOnce) {
  const at::Tensor rows = at::randn({1300, 7}).mul(3).add(1);
  ChannelMoments moments;
  for (const at::Tensor& part : rows.split(17)) moments.add(part);
  moments.add(rows.narrow(0, 0, 0));
  const at::Tensor wide = rows.to(at::kDouble);
  EXPECT_EQ(moments.rows(), 1300);
  EXPECT_TRUE(at::allclose(moments.mean(), wide.mean(0), 1e-12, 1e-12));
  EXPECT_TRUE(at::allclose(moments.variance(), wide.var(0, /*unbiased=*/false), 1e-12, 1e-12));
}

TEST(ChannelMoments, SmallFluctuationsOfLargeValuesAreNotLost) {
  const at::Tensor noise = at::randn({600, 3}, at::kDouble).mul(1e-3);
  ChannelMoments moments;
  moments.add(noise + 1e6);
  EXPECT_TRUE(at::allclose(moments.variance(), noise.var(0, false), 1e-4, 0));
}

TEST(ChannelMoments, AConstantDoesNotFluctuate) {
  ChannelMoments moments;
  for (int i = 0; i < 3; ++i) moments.add(at::full({600, 2}, 0.7));
  EXPECT_LT(moments.variance().max().item<double>(), 1e-25);
}

TEST(LayerMoments, MissingActivationsAreAMistake) {
  const LayerMoments moments;
  EXPECT_THROW(static_cast<void>(moments.input_of(Slot::kO)), std::logic_error);
}

}  // namespace
}  // namespace assay::flap
