#include "harness/measure/allocations.h"

#include <ATen/ops/empty.h>
#include <gtest/gtest.h>

namespace assay {
namespace {

constexpr std::int64_t kMiB = std::int64_t{1} << 20;

at::Tensor block(std::int64_t mebibytes) { return at::empty({mebibytes * kMiB}, at::kByte); }

TEST(Allocations, PeakIsWhatWasHeldAtOneMoment) {
  const at::Tensor before = block(64);
  const Allocations seen = allocations_of(
      [] {
        { const at::Tensor a = block(10), b = block(20); }
        { const at::Tensor c = block(25); }
      },
      /*gpu=*/false);
  EXPECT_GE(seen.peak_bytes, 30 * kMiB);
  EXPECT_LT(seen.peak_bytes, 31 * kMiB);
  EXPECT_EQ(seen.peak_reserved_bytes, 0);
}

TEST(Allocations, NothingIsCountedOutsideOfTheWork) {
  (void)allocations_of([] { (void)block(1); }, false);
  const at::Tensor after = block(5);
  EXPECT_EQ(allocations_of([] {}, false).peak_bytes, 0);
}

}  // namespace
}  // namespace assay
