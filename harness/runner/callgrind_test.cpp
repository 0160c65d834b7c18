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

// Two callers outside of the allocator (30 and 7), one call of it by itself (20, part of the 30),
// and functions that only sound like it.
TEST(Callgrind, WhatTheAllocatorExecutedIsNotCounted) {
  const std::string text = R"(events: Ir
summary: 1000

fn=(1) work(std::function<void ()> const&)
12 100
cfn=(2) posix_memalign
calls=3 0
+4 30
cfn=(3) malloc_usable_size
calls=1 0
* 5

fl=(7) malloc.c
fn=(2)
1 10
cfn=(4) _mid_memalign.constprop.0
calls=3 0
1 20

fn=(5) c10::free_cpu(void*)
3 60
cob=(2) /lib/libc.so.6
cfn=(6) free
calls=2 0
4 7
)";
  EXPECT_EQ(counted_instructions(file_with(text)), 1000 - 30 - 7);
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
