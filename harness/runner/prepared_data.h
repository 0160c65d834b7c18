#pragma once
// The cache of prepared data: $ASSAY_HOME/prepared/<key>/, made by the Python tools.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>

#include "harness/base/json.h"
#include "harness/config/catalogue.h"
#include "harness/runner/raw_data.h"

namespace assay {

/// One thing to prepare: a split for a tokenizer.
struct PreparedRequest {
  const DatasetEntry* dataset = nullptr;
  std::string split;
  std::string format = "stream";  ///< "stream", "items" or "labelled"
  std::string task;               ///< prompt recipe for items; empty for other formats
  std::int64_t max_tokens = 0;    ///< of an item of labelled data, special tokens included
  std::filesystem::path tokenizer_folder;
  std::string tokenizer_hash;
};

/// Identity of what would be prepared, its notes included: raw content, where it is not the pinned
/// one, tokenizer, recipe and the tools' sources.
std::string prepared_key(const PreparedRequest& request, const RawFiles& raw,
                         const std::string& tools_hash);

/// True when the folder holds a manifest that names this tokenizer, and every file that it lists,
/// with its hash.
bool prepared_is_intact(const std::filesystem::path& folder, const std::string& tokenizer_hash);

/// Folder of the prepared data; prepares it when it is missing or damaged, and says so through
/// `say`. Throws UserError or MachineError with what the tools said.
std::filesystem::path ensure_prepared(const PreparedRequest& request, const RawFiles& raw,
                                      const std::string& key,
                                      const std::function<void(const std::string&)>& say,
                                      std::stop_token stop);

}  // namespace assay
