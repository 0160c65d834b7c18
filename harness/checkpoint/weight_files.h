#pragma once
// The safetensors files of a model's folder, and which of their tensors count.

#include <cstddef>
#include <filesystem>
#include <vector>

#include "harness/checkpoint/safetensors.h"

namespace assay {

/// Files of a model and the tensors that count, each from one of the files.
struct WeightFiles {
  std::vector<SafetensorsFile> files;
  std::vector<StoredTensor> tensors;  ///< sorted by name
  std::vector<std::size_t> owners;    ///< of each tensor: its place in `files`
};

/// Opens model.safetensors, or the shards of its index. A tensor that several shards hold is taken
/// from the one that the index names. Throws UserError for missing or damaged files, for an index
/// that names a tensor its shard lacks, and for a folder whose weights are in another format (with
/// how to convert them).
WeightFiles open_weight_files(const std::filesystem::path& folder);

}  // namespace assay
