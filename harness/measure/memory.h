#pragma once
// Resident memory of this process, as the kernel counts it.

#include <cstdint>
#include <optional>

namespace assay {

/// VmHWM: the highest resident set since the program was started, everything included: libraries
/// (about 120 MB for LibTorch without CUDA), pages of mapped checkpoint files while they are read,
/// weights, activations. Memory of an accelerator is not in it. Absent where /proc does not tell.
std::optional<std::int64_t> peak_rss_bytes();
/// VmRSS: the resident set now.
std::optional<std::int64_t> current_rss_bytes();

}  // namespace assay
