#pragma once
// Test support: prepared folders of labelled items.

#include <filesystem>
#include <string>
#include <vector>

#include "harness/base/files.h"
#include "harness/base/hashing.h"
#include "harness/base/json.h"
#include "harness/data/labelled_items.h"

namespace assay {

/// Puts an item at the end, without a second segment unless `types` says so.
inline void add_item(LabelledItems& items, const std::vector<std::int32_t>& tokens,
                     std::int32_t label, std::vector<std::uint8_t> types = {}) {
  if (items.offsets.empty()) items.offsets.push_back(0);
  types.resize(tokens.size(), 0);
  items.tokens.insert(items.tokens.end(), tokens.begin(), tokens.end());
  items.token_types.insert(items.token_types.end(), types.begin(), types.end());
  items.offsets.push_back(std::ssize(items.tokens));
  items.labels.push_back(label);
  items.lines.push_back(static_cast<std::int32_t>(items.labels.size()) + 1);
}

/// The file's hash goes into the manifest.
inline void write_labelled_file(const std::filesystem::path& folder, Json& manifest,
                                const char* name, const void* data, std::size_t bytes) {
  write_file_atomically(folder / name, {static_cast<const char*>(data), bytes});
  manifest["files"][name] = sha256_file(folder / name);
}

/// Writes the folder; hashes are made up: the item's number.
inline void write_labelled(const std::filesystem::path& folder, const LabelledItems& items) {
  Json manifest = {{"version", 1},
                   {"format", "labelled"},
                   {"dataset", "films"},
                   {"split", "dev"},
                   {"documents", items.count()},
                   {"tokens", items.tokens.size()},
                   {"labels", items.label_names},
                   {"max_tokens", items.max_tokens},
                   {"truncated", items.truncated}};
  std::vector<std::uint64_t> hashes;
  for (std::int64_t i = 0; i < items.count(); ++i) {
    hashes.push_back(static_cast<std::uint64_t>(i) + 1);
  }
  const auto write = [&](const char* name, const auto& values) {
    write_labelled_file(folder, manifest, name, values.data(), values.size() * sizeof(values[0]));
  };
  write("tokens.bin", items.tokens);
  write("token_types.bin", items.token_types);
  write("offsets.bin", items.offsets);
  write("labels.bin", items.labels);
  write("lines.bin", items.lines);
  write("hashes.bin", hashes);
  write("text_hashes.bin", hashes);
  write_file_atomically(folder / "manifest.json", manifest.dump());
}

}  // namespace assay
