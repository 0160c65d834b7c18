#pragma once
// Writing and reading of one safetensors file: 8 bytes little-endian header size, a JSON header
// (padded with blanks to a multiple of 8), then the tensors' bytes without gaps.

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <map>
#include <string>

namespace assay {

struct TensorFile {
  std::map<std::string, std::string> metadata;
  std::map<std::string, at::Tensor> tensors;
};

/// Streams to a temporary sibling, syncs, renames: readers see the old file or the new one.
/// CPU tensors that are contiguous are written from where they are. Throws MachineError when the
/// place cannot be written, std::logic_error for a dtype without a safetensors name.
void write_tensor_file(const std::filesystem::path& path, const TensorFile& file);

/// Owned copies, on the CPU. Throws UserError for a missing, truncated or inconsistent file.
TensorFile read_tensor_file(const std::filesystem::path& path);

}  // namespace assay
