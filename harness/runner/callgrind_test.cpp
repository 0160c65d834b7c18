#include "harness/runner/callgrind.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "harness/base/errors.h"

namespace assay {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

fs::path file_with(const std::string& text) {
  const fs::path path = fs::path(testing::TempDir()) / "callgrind_test.out";
  std::ofstream(path) << text;
  return path;
}

TEST(Callgrind, ReadsTheCountOfItsFile) {
  const std::string head = "# callgrind format\nversion: 1\nevents: Ir\n";
  EXPECT_EQ(counted_instructions(file_with(head + "summary: 39562262\n\nfn=(1) f\n")), 39562262);
  EXPECT_EQ(counted_instructions(file_with(head + "totals: 12\n")), 12);
  EXPECT_FALSE(counted_instructions(file_with(head + "summary: 0\n")).has_value())
      << "the function was not called";
  EXPECT_FALSE(counted_instructions(file_with(head)).has_value());
  EXPECT_FALSE(counted_instructions("/nowhere").has_value());
}

TEST(Callgrind, WithoutValgrindTheMessageSaysHowToGetIt) {
  const std::string path = std::getenv("PATH");
  ::setenv("PATH", testing::TempDir().c_str(), 1);
  try {
    (void)valgrind_program();
    ADD_FAILURE() << "found";
  } catch (const MachineError& error) {
    EXPECT_THAT(error.what(), HasSubstr("scripts/setup --callgrind"));
  }
  ::setenv("PATH", path.c_str(), 1);
}

TEST(Callgrind, CountsOfTwoInstructionSetsAreTwoConventions) {
  const Json one = {{"torch", {{"cpu_capability", "AVX2"}}}};
  const Json other = {{"torch", {{"cpu_capability", "AVX512"}}}};
  EXPECT_THAT(instructions_definition(one).convention, HasSubstr("AVX2"));
  EXPECT_NE(instructions_definition(one).convention, instructions_definition(other).convention);
}

}  // namespace
}  // namespace assay
