#pragma once
// Strict reader of one safetensors file through a memory map.

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "harness/base/file_identity.h"
#include "harness/checkpoint/checkpoint.h"

namespace assay {

/// Read-only memory map of a whole file. Move-only; throws UserError when it cannot be opened.
class MappedFile {
 public:
  explicit MappedFile(const std::filesystem::path& path);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&&) = delete;
  MappedFile(const MappedFile&) = delete;
  ~MappedFile();
  [[nodiscard]] std::span<const std::byte> bytes() const { return bytes_; }
  /// Of the mapped file now, also when another file has taken its name.
  [[nodiscard]] FileIdentity identity() const { return file_identity(descriptor_); }

 private:
  int descriptor_ = -1;
  std::span<const std::byte> bytes_;
};

/// A checked file: header and data agree, every byte of the data belongs to exactly one tensor.
struct SafetensorsFile {
  std::filesystem::path path;
  std::shared_ptr<const MappedFile> map;
  std::vector<StoredTensor> tensors;  ///< sorted by name; views into the map
};

/// The tensors of a file's bytes, sorted by name; views into them. Throws UserError naming the
/// file, the tensor, the value found and what is allowed.
std::vector<StoredTensor> read_safetensors(const std::filesystem::path& name,
                                           std::span<const std::byte> file);

/// The same of a file, which is mapped; also throws where it cannot be opened.
SafetensorsFile open_safetensors(const std::filesystem::path& path);

}  // namespace assay
