#pragma once
// Hashes of the tensors of a safetensors file, remembered between runs.

#include <map>
#include <string>

#include "harness/checkpoint/safetensors.h"

namespace assay {

/// SHA-256 of each tensor's bytes by name. The first time a file is seen (by its FileIdentity)
/// its floating-point tensors are checked: throws UserError naming those with NaN or infinity.
/// Remembered as harness/base/hash_cache.h says.
std::map<std::string, std::string> tensor_hashes(const SafetensorsFile& file);

}  // namespace assay
