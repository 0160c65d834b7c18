// LibTorch's generator starts at random in C++. Linked into a test program, this starts it anew
// before each test, so that a failure can be had again; ASSAY_TEST_SEED=N draws other numbers.

#include <ATen/Context.h>
#include <gtest/gtest.h>

#include <cstdlib>

namespace assay {
namespace {

class SeedTorch final : public testing::EmptyTestEventListener {
 public:
  void OnTestStart(const testing::TestInfo&) override {
    const char* seed = std::getenv("ASSAY_TEST_SEED");
    at::manual_seed(seed == nullptr ? 1 : std::strtoull(seed, nullptr, 10));
  }
};

[[maybe_unused]] const bool kListens = [] {
  testing::UnitTest::GetInstance()->listeners().Append(new SeedTorch);
  return true;
}();

}  // namespace
}  // namespace assay
