// Which calls' outputs a timed run keeps.

#include <ATen/ops/full.h>
#include <gtest/gtest.h>

#include <vector>

#include "harness/suite/timed.h"

namespace assay {
namespace {

TEST(Drawn, EachCallIsAsLikelyAsAnyOther) {
  constexpr int kCalls = 40, kTimes = 4000;
  std::vector<int> drawn(kCalls, 0);
  for (int time = 0; time < kTimes; ++time) {
    DrawnOutputs outputs(8);
    for (int call = 0; call < kCalls; ++call) {
      if (at::Tensor* place = outputs.next()) *place = at::full({1}, call);
    }
    const auto kept = outputs.kept();
    ASSERT_EQ(kept.size(), 8U);
    for (const auto& output : kept) {
      EXPECT_EQ(output.values.item<double>(), static_cast<double>(output.call));
      ++drawn[static_cast<std::size_t>(output.call)];
    }
  }
  // 4000 x 8 / 40 = 800 each, standard deviation sqrt(4000 x 0.2 x 0.8) = 25.3.
  for (const int count : drawn) EXPECT_NEAR(count, 800, 6 * 25.3);
}

TEST(Drawn, FewCallsAreAllKept) {
  DrawnOutputs outputs(8);
  for (int call = 0; call < 3; ++call) *outputs.next() = at::full({1}, call);
  EXPECT_EQ(outputs.kept().size(), 3U);
}

}  // namespace
}  // namespace assay
