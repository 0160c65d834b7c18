#pragma once
// Git LFS leaves a small text in place of a file that was not fetched.

#include <filesystem>
#include <string>

namespace assay {

/// True when the file is there and is a Git LFS pointer.
bool is_lfs_pointer(const std::filesystem::path& path);

/// Throws UserError saying how to fetch the content when the file is a Git LFS pointer.
void refuse_lfs_pointer(const std::filesystem::path& path);

/// The same for every file of a model's folder that is read beside its weights: the configuration,
/// the index of the shards, the tokenizer. Lists all of them together.
void refuse_lfs_pointers(const std::filesystem::path& folder);

}  // namespace assay
