#include "harness/contextual/choice_quality.h"

#include <ATen/ops/rand.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace assay {
namespace {

at::Tensor flags(const std::vector<int>& values, std::int64_t columns) {
  return at::tensor(values).view({-1, columns}).to(at::kBool);
}

std::vector<float> listed(const at::Tensor& values) {
  const auto* first = values.contiguous().const_data_ptr<float>();
  return {first, first + values.numel()};
}

TEST(ChoiceQuality, IsWhatCountingByHandGives) {
  const at::Tensor mattered = flags({1, 1, 0, 0,  //
                                     1, 1, 1, 1,  //
                                     0, 0, 0, 0,  //
                                     0, 1, 0, 0},
                                    4);
  const at::Tensor ran = flags({1, 0, 1, 0,  //
                                1, 0, 0, 0,  //
                                1, 1, 0, 0,  //
                                0, 0, 0, 0},
                               4);
  const ChoiceQuality quality = choice_quality(mattered, ran);
  EXPECT_EQ(listed(quality.recall), (std::vector<float>{0.5F, 0.25F, 1, 0}));
  EXPECT_EQ(listed(quality.precision), (std::vector<float>{0.5F, 1, 0, 1}));
}

/// The same by sorting a row's values.
std::vector<bool> largest_of_row(const at::Tensor& sizes, std::int64_t count) {
  const std::vector<float> row = listed(sizes);
  std::vector<float> sorted = row;
  std::sort(sorted.begin(), sorted.end(), std::greater<>());
  std::vector<bool> kept;
  for (const float value : row) {
    kept.push_back(count > 0 && value >= sorted[static_cast<std::size_t>(count - 1)]);
  }
  return kept;
}

TEST(LargestAsMany, KeepsAsManyOfEachRowAsItRan) {
  const at::Tensor sizes = at::rand({5, 9});
  for (const bool equal : {true, false}) {
    at::Tensor ran = at::rand({5, 9}).gt(0.5);
    if (equal) ran = ran.select(0, 0).expand({5, 9});
    const at::Tensor largest = largest_as_many(sizes, ran);
    for (std::int64_t r = 0; r < 5; ++r) {
      const auto wanted = largest_of_row(sizes[r], ran[r].sum().item<std::int64_t>());
      for (std::int64_t u = 0; u < 9; ++u) {
        EXPECT_EQ(largest[r][u].item<bool>(), wanted[static_cast<std::size_t>(u)])
            << r << ", " << u;
      }
    }
  }
}

}  // namespace
}  // namespace assay
