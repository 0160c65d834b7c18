#pragma once
// Models whose feed-forward blocks are all alike, for methods that size them together.

#include <cstdint>
#include <string>

#include "harness/checkpoint/spec.h"

namespace assay {

/// Neurons of a layer's block; of the first layer where they differ.
std::int64_t ffn_width_of(const ModelSpec& spec);
/// Why a method that gives all layers' blocks one size does not apply: they differ already, or one
/// is missing. Empty: they are alike.
std::string unlike_ffn_problem(const ModelSpec& spec);

}  // namespace assay
