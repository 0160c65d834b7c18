#pragma once
// A Hugging Face model directory, checked but not loaded. Free of LibTorch.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "harness/checkpoint/binding.h"
#include "harness/checkpoint/spec.h"

namespace assay {

/// One tensor of a safetensors file; `bytes` points into the memory map.
struct StoredTensor {
  std::string name;
  std::string dtype;  ///< "F32", "BF16", "F16"
  std::vector<std::int64_t> shape;
  std::span<const std::byte> bytes;
};

/// A checked model directory. Owns the memory maps; tensors live as long as it does.
class Checkpoint {
 public:
  /// Reads config.json, resolves the family, maps the safetensors files (single or sharded) and
  /// checks that every tensor the family needs is there with its shape, and that the tokenizer
  /// (when there is one) fits the embedding. With `weights` false only config.json is read and
  /// needed (for random weights). Throws UserError naming the file, what was found and what is
  /// allowed.
  static Checkpoint open(const std::filesystem::path& folder, bool weights = true);

  Checkpoint(Checkpoint&&) noexcept;
  Checkpoint& operator=(Checkpoint&&) noexcept;
  ~Checkpoint();

  [[nodiscard]] const std::filesystem::path& folder() const;
  [[nodiscard]] const ModelSpec& spec() const;
  [[nodiscard]] const Json& config() const;
  [[nodiscard]] const std::vector<StoredTensor>& tensors() const;
  /// Throws UserError when absent.
  [[nodiscard]] const StoredTensor& tensor(const std::string& name) const;

  /// Where each needed tensor goes; empty when opened without weights.
  [[nodiscard]] const std::vector<Binding>& bindings() const;

  /// Content hash: tensors (name, dtype, shape, SHA-256 of bytes, sorted), parsed config,
  /// tokenizer. Independent of folder name and sharding. File hashes are cached under
  /// `assay_home()` by (device, inode, size, mtime). The first hash of a file also checks it for
  /// NaN and infinity: UserError.
  [[nodiscard]] std::string content_hash() const;
  /// Hash of tokenizer.json; empty when the folder has none.
  [[nodiscard]] std::string tokenizer_hash() const;

 private:
  struct Impl;
  explicit Checkpoint(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// Names and one-line summaries of the supported families, sorted.
struct FamilyInfo {
  std::string name;
  std::string summary;
  std::vector<std::string> model_types;  ///< values of config.json's model_type
};
std::vector<FamilyInfo> families();

}  // namespace assay
