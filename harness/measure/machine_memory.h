#pragma once
// How much memory processes of this machine may have.

#include <cstdint>
#include <optional>

#include "harness/measure/machine_files.h"

namespace assay {

/// Bytes of the machine's memory, or the least that a control group of this process allows
/// (memory.max of version 2, memory.limit_in_bytes of version 1). Nothing where the system does not
/// tell.
std::optional<std::int64_t> usable_memory_bytes(const MachineFiles& files = {});

}  // namespace assay
