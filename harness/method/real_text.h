#pragma once
// Real text for tests of methods on trained models.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <string>

namespace assay {

/// The folder of a model under $ASSAY_MODELS; empty when that, $ASSAY_DATA or a Python with the
/// project's packages is missing. Tests are skipped then.
std::filesystem::path real_model(const std::string& name);

/// The first `samples` * `tokens` tokens of a split's file under $ASSAY_DATA
/// ("tiny-corpus/held.txt"), as the model in `model_folder` reads it: int64 [samples, tokens]. Only
/// as much of the file is tokenised as that takes. Throws std::runtime_error when the tool fails or
/// the text is too short.
at::Tensor real_tokens(const std::filesystem::path& model_folder, const std::string& file,
                       std::int64_t samples, std::int64_t tokens);

}  // namespace assay
