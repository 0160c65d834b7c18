#pragma once
// Hashes of the tensors of a safetensors file, remembered between runs.

#include <cstdint>
#include <map>
#include <string>

#include "harness/checkpoint/safetensors.h"

namespace assay {

struct TensorContent {
  std::string hash;            ///< SHA-256 of its bytes
  std::int64_t nonfinite = 0;  ///< how many of its floating-point values are NaN or infinite
};

/// Of each tensor by name. Remembered as harness/base/hash_cache.h says.
std::map<std::string, TensorContent> tensor_contents(const SafetensorsFile& file);

}  // namespace assay
