#pragma once
// What the machine is and how this program was built: the environment stored beside every result.

#include <optional>

#include "harness/base/json.h"

namespace assay {

/// {"cpu": {"model", "logical_cores", "allowed_cores", "isa", "caches", "governor"},
///  "memory_bytes", "kernel", "hypervisor", "container", "build"}.
/// Facts that the system does not tell are left out, and so is what changes by the minute: the same
/// machine gives the same document. Reads /proc and /sys only; a few milliseconds.
Json machine_environment();

/// Load average over the last minute, where the system tells.
std::optional<double> load_average();

/// {"compiler", "build_type", "sanitize", "version"} of this program.
Json build_environment();

}  // namespace assay
