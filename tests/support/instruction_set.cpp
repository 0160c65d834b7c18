#include "tests/support/instruction_set.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>

// As the widest of the kernels' files has it, so that the list below is complete.
#define HWY_WANT_AVX3_DL 1
#include <hwy/highway.h>

#include "harness/model/kernels/gemv_cpu.h"
#include "harness/model/kernels/packed_cpu.h"

namespace assay {
namespace {

/// The fallback is on every processor, and not in what Highway says that this one supports.
std::int64_t supported() { return hwy::SupportedTargets() | HWY_STATIC_TARGET; }

/// Better ones have lower bits. Each file of kernels chooses the best that it was compiled for.
void allow_at_most(const InstructionSet& best) {
  hwy::GetChosenTarget().Update(supported() & ~(best.bit - 1));
}

/// What the variable names holds for the whole program: some layouts of weights depend on it.
class ChosenInstructionSet : public ::testing::Environment {
 public:
  void SetUp() override {
    const char* name = std::getenv(kInstructionSetVariable);
    if (name == nullptr) return;
    for (const InstructionSet& set : compiled_instruction_sets()) {
      if (set.name != name) continue;
      ASSERT_TRUE(set.is_here) << "this processor has no " << name;
      allow_at_most(set);
      ASSERT_TRUE(packed_target() == set.name || gemv_target() == set.name)
          << packed_target() << ", " << gemv_target() << " instead of " << name;
      return;
    }
    FAIL() << kInstructionSetVariable << "=" << name << ": the kernels were not compiled for it";
  }
};

const auto* const kChosen =
    ::testing::AddGlobalTestEnvironment(std::make_unique<ChosenInstructionSet>().release());

}  // namespace

std::vector<InstructionSet> compiled_instruction_sets() {
  std::vector<InstructionSet> sets;
  for (int position = 0; position < 63; ++position) {
    const std::int64_t bit = std::int64_t{1} << position;
    if ((HWY_TARGETS & bit) == 0) continue;
    sets.push_back({hwy::TargetName(bit), bit, (supported() & bit) != 0});
  }
  return sets;
}

}  // namespace assay
