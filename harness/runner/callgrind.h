#pragma once
// The second instrument: valgrind's callgrind counts instructions, which no neighbour changes.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "harness/process/child.h"
#include "harness/protocol/protocol.h"

namespace assay {

/// valgrind, looked up in PATH. Throws MachineError that says how to install it.
std::filesystem::path valgrind_program();

/// The same program under callgrind, which counts what happens in `function` only and writes to
/// `output`. Without a limit of memory: valgrind's own would not fit in.
ChildSpec under_callgrind(const ChildSpec& spec, const std::string& function,
                          const std::filesystem::path& output);

/// The count in a file that callgrind wrote, without what malloc, free and their like executed:
/// how they search the heap depends on all that the process did before. Nothing when the file holds
/// no count, or zero: the function was never called.
std::optional<std::int64_t> counted_instructions(const std::filesystem::path& output);

/// Definition of the instructions of one call. Counts of another instruction set are counts of
/// other code: it is part of the convention. `environment`: of the counted process, which sees the
/// processor that valgrind shows it, not the machine's.
MetricDef instructions_definition(const Json& environment);

}  // namespace assay
