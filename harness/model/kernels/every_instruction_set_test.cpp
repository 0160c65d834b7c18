// The whole of kernels_test once for each instruction set that Highway compiled the kernels for, in
// a process of its own. Dispatch runs the best one of this processor, as kernels_test by itself
// does, and the others nowhere.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>

#include "tests/support/build_paths.h"
#include "tests/support/instruction_set.h"

namespace assay {

void PrintTo(const InstructionSet& set, std::ostream* out) { *out << set.name; }

namespace {

class EveryInstructionSet : public ::testing::TestWithParam<InstructionSet> {};

/// Which of them dispatch chooses.
std::string best_of_this_processor() {
  const std::vector<InstructionSet> sets = compiled_instruction_sets();
  return std::find_if(sets.begin(), sets.end(), [](const auto& set) { return set.is_here; })->name;
}

TEST_P(EveryInstructionSet, PassesTheTestsOfTheKernels) {
  if (!GetParam().is_here) GTEST_SKIP() << "this processor has no " << GetParam().name;
  if (GetParam().name == best_of_this_processor()) GTEST_SKIP() << "kernels_test runs it";
  ASSERT_EQ(::setenv(kInstructionSetVariable, GetParam().name.c_str(), 1), 0);
  const std::string program = (binary_dir() / "tests" / "kernels_test").string();
  const int status = std::system(("'" + program + "' --gtest_brief=1").c_str());
  EXPECT_TRUE(WIFEXITED(status)) << "it died";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

INSTANTIATE_TEST_SUITE_P(Compiled, EveryInstructionSet,
                         ::testing::ValuesIn(compiled_instruction_sets()),
                         [](const auto& set) { return set.param.name; });

TEST(InstructionSets, OneThatIsUnknownIsNoneThatPasses) {
  ASSERT_EQ(::setenv(kInstructionSetVariable, "MMX", 1), 0);
  const std::string program = (binary_dir() / "tests" / "kernels_test").string();
  EXPECT_NE(
      std::system(
          ("'" + program + "' --gtest_filter=GemvTest.PropagatesNotANumber > /dev/null").c_str()),
      0);
  ::unsetenv(kInstructionSetVariable);
}

}  // namespace
}  // namespace assay
