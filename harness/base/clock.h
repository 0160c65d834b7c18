#pragma once
// Time and unique names.

#include <cstdint>
#include <string>

namespace assay {

/// "2026-11-22T21:30:00.123Z".
std::string utc_now();

/// Monotonic seconds since an arbitrary start; differences only.
double monotonic_seconds();

/// Random UUID, version 4, lower case.
std::string new_uuid();

/// Identity of this boot of the machine (Linux boot_id), or "unknown".
std::string boot_id();

}  // namespace assay
