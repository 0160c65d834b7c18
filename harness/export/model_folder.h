#pragma once
// Writing a Hugging Face folder.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "harness/checkpoint/checkpoint.h"
#include "harness/export/plain_model.h"

namespace assay {

struct FolderOptions {
  /// "fp32", "bf16", "fp16"; "": each tensor in the type that the original has it in.
  std::string dtype;
  std::int64_t shard_bytes = 5'000'000'000;  ///< no file holds more, unless it is one tensor
};

using SayProgress = std::function<void(std::int64_t done, std::int64_t total)>;

/// What was written, in words for people.
struct WrittenFolder {
  std::vector<std::string> config;  ///< "num_hidden_layers: 12 -> 10"
  std::string dtype;                ///< of most weights: "float32"
  std::int64_t bytes = 0;           ///< of all weights
};

/// Fills an empty folder: the original's configuration with what has changed, the weights under the
/// names and in the layouts of the original, and its tokenizer and generation settings. Throws
/// DoesNotApply when no configuration says what the model is, or a weight is too large for fp16;
/// MachineError for a full disk.
WrittenFolder write_model_folder(const std::filesystem::path& folder, const Checkpoint& original,
                                 const PlainModel& model, const FolderOptions& options,
                                 const SayProgress& progress);

}  // namespace assay
