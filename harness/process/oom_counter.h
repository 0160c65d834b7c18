#pragma once

#include <cstdint>

namespace assay {

/// How often the kernel's out-of-memory killer has struck in the control group of this process
/// (version 1 or 2); 0 where that cannot be read.
std::int64_t oom_kill_count();

}  // namespace assay
