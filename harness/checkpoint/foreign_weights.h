#pragma once
// Folders whose weights are there, in another format than safetensors under the usual names.

#include <filesystem>

namespace assay {

/// Throws UserError: what the folder holds instead of model.safetensors, and the command that
/// converts it or where to get the right file.
[[noreturn]] void refuse_foreign_weights(const std::filesystem::path& folder);

/// The same for a folder without config.json.
[[noreturn]] void refuse_folder_without_config(const std::filesystem::path& folder);

}  // namespace assay
