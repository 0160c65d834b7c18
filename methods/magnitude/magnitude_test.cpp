#include "methods/magnitude/magnitude.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace assay {
namespace {

at::Tensor golden_weight() {
  return at::tensor({4.F,  -1.F, 2.F, -3.F, 1.F, 5.F, -2.F, 3.F, 1.F, 6.F,  -2.F, 2.F,
                     -4.F, 1.F,  3.F, -1.F, 2.F, 2.F, -5.F, 1.F, 3.F, -2.F, 1.F,  4.F})
      .view({3, 8});
}

std::string as_text(const at::Tensor& keep) {
  std::string text;
  for (std::int64_t r = 0; r < keep.size(0); ++r) {
    if (r > 0) text += "/";
    for (std::int64_t c = 0; c < keep.size(1); ++c) text += keep[r][c].item<bool>() ? '1' : '0';
  }
  return text;
}

TEST(Magnitude, GoldenMaskPrunesFourteenOfTwentyFourBecauseOfTies) {
  const at::Tensor keep = magnitude_keep(golden_weight(), {0.5, {}}, Scope::kMatrix);
  EXPECT_EQ(as_text(keep), "10010101/01001010/00101001");
  EXPECT_EQ(keep.numel() - keep.sum().item<std::int64_t>(), 14);
}

TEST(Magnitude, WholeMatrixEqualsPlainLoops) {
  for (const double ratio : {0.1, 0.5, 0.9}) {
    const at::Tensor weight = at::randn({13, 21}).mul(4).round().div(4);  // ties
    const float* values = weight.const_data_ptr<float>();
    std::vector<float> sorted;
    for (std::int64_t i = 0; i < weight.numel(); ++i) sorted.push_back(std::fabs(values[i]));
    std::sort(sorted.begin(), sorted.end());
    const float threshold =
        sorted[static_cast<std::size_t>(static_cast<double>(sorted.size()) * ratio)];
    const at::Tensor keep = magnitude_keep(weight, {ratio, {}}, Scope::kMatrix).flatten();
    for (std::int64_t i = 0; i < keep.numel(); ++i) {
      EXPECT_EQ(keep[i].item<bool>(), std::fabs(values[i]) > threshold) << i;
    }
  }
}

TEST(Magnitude, PerOutputIsExactInEveryRow) {
  const at::Tensor keep = magnitude_keep(at::randn({6, 33}), {0.5, {}}, Scope::kRow);
  for (std::int64_t r = 0; r < 6; ++r) {
    EXPECT_EQ(keep[r].logical_not().sum().item<std::int64_t>(), 16);
  }
}

}  // namespace
}  // namespace assay
