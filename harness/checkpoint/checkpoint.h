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

/// Something about a model that belongs beside every result of it.
struct ModelWarning {
  std::string code;  ///< "model_config_key", "model_own_head", "model_unused_tensors"
  std::string text;
};

/// A checked model directory. Owns the memory maps; tensors live as long as it does.
class Checkpoint {
 public:
  /// Reads config.json, resolves the family, maps the safetensors files (single or sharded) and
  /// checks that every tensor the family needs is there with its shape. With `weights` false only
  /// config.json is read and needed (for random weights). Throws UserError naming the file, what
  /// was found and what is allowed: keys of config.json that may change the model and are not read,
  /// quantised tensors, Git LFS pointers, weights in another format.
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

  /// What is unusual about the model without being wrong, in the order in which it was found.
  [[nodiscard]] const std::vector<ModelWarning>& warnings() const;

  /// Content hash: tensors (name, dtype, shape, SHA-256 of bytes, sorted), parsed config,
  /// tokenizer. Independent of folder name and sharding. Hashes of weights are remembered as
  /// harness/base/hash_cache.h says. Throws UserError for tensors that are read and hold NaN or
  /// infinity.
  [[nodiscard]] std::string content_hash() const;
  /// Of every file that can change a token id (harness/checkpoint/tokenizer_files.h); empty when
  /// the folder has none.
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
