#pragma once
// Test support: the kernels as a lesser processor would run them.

#include <cstdint>
#include <string>
#include <vector>

namespace assay {

struct InstructionSet {
  std::string name;  ///< Highway's
  std::int64_t bit = 0;
  bool is_here = false;  ///< this processor has it
};

/// All that Highway compiled the kernels for, the best one first.
std::vector<InstructionSet> compiled_instruction_sets();

/// Tells kernels_test, by the environment, the best instruction set that it may use.
constexpr const char* kInstructionSetVariable = "ASSAY_TEST_INSTRUCTION_SET";

}  // namespace assay
