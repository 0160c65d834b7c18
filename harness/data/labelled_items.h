#pragma once
// Reader of prepared folders of format "labelled" (docs/formats/prepared_data.md): texts with a
// class each, as token ids.

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "harness/data/prepared_folder.h"

namespace assay {

/// Items in the order of the raw files. All vectors but `tokens`, `token_types`, `offsets`,
/// `label_names` and `notes` have an entry an item.
struct LabelledItems {
  std::string dataset, split;             ///< "sst2", "train"; may be empty
  std::vector<std::int32_t> tokens;       ///< of all items, one behind the other; no padding
  std::vector<std::uint8_t> token_types;  ///< segment of each token, 0 or 1
  std::vector<std::int64_t> offsets;      ///< count() + 1: item i is [offsets[i], offsets[i + 1])
  std::vector<std::int32_t> labels;       ///< class, from 0
  std::vector<std::string> label_names;   ///< by class
  std::vector<std::string> hashes;        ///< identity of the item, 16 hexadecimal digits
  std::vector<std::string> text_hashes;   ///< of its text alone, likewise
  std::vector<std::int32_t> lines;        ///< of the raw file, for messages
  std::int64_t max_tokens = 0;            ///< the longest that an item may be
  std::int64_t truncated = 0;             ///< how many were cut to that
  std::vector<DataNote> notes;

  [[nodiscard]] std::int64_t count() const { return static_cast<std::int64_t>(labels.size()); }
  [[nodiscard]] std::int64_t length(std::int64_t item) const;
  [[nodiscard]] std::span<const std::int32_t> tokens_of(std::int64_t item) const;
  [[nodiscard]] std::span<const std::uint8_t> token_types_of(std::int64_t item) const;
  /// SHA-256 over what a model sees of the items: tokens, types, offsets, labels and class names.
  [[nodiscard]] std::string content_hash() const;
};

/// Throws FileError for a folder that is missing, of another format or version, or damaged: a file
/// that is not the one the manifest lists, of another size than the counts there say, offsets that
/// do not ascend over all tokens, a class without a name.
LabelledItems read_labelled_items(const std::filesystem::path& folder);

/// A part, in this order; an item may come twice. Throws std::out_of_range for one that is missing.
/// `truncated` and the notes stay those of the whole.
LabelledItems chosen_items(const LabelledItems& all, std::span<const std::int64_t> items);

}  // namespace assay
