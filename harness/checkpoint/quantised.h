#pragma once
// Folders whose tensors are quantised: told by config.json, or by names or dtypes of tensors.

#include <filesystem>
#include <string>
#include <vector>

#include "harness/checkpoint/checkpoint.h"

namespace assay {

/// What to do about any of them.
inline constexpr const char* kImportTheOriginal =
    "Import the original model, whose weights are float32, bfloat16 or float16, and quantise it "
    "here; or write the model back with its weights dequantised";

/// Method that a `quantization_config` names, as people call it ("GPTQ", "FP8", ...).
std::string quantisation_of_config(const Json& config);

/// Throws UserError naming the method when the tensors' names or element types show quantised
/// weights.
void refuse_quantised_tensors(const std::filesystem::path& folder,
                              const std::vector<StoredTensor>& tensors);

}  // namespace assay
