#pragma once
// Models of the Hugging Face Hub that lie in the cache of huggingface_hub, found without a network.
// The layout is that library's: models--ORG--NAME/{refs/REVISION, snapshots/COMMIT/FILE,
// blobs/HASH} and trees/COMMIT.json, its list of a commit's files.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace assay {

/// "ORG/NAME@REVISION"
struct HubName {
  std::string repository;  ///< "ORG/NAME", or "NAME" alone for the oldest ones
  std::string revision;    ///< branch, tag or commit; empty: main
  [[nodiscard]] std::string text() const;
  /// "hf:ORG/NAME@REVISION", as an experiment names it.
  [[nodiscard]] std::string id() const;
};

/// True for "hf:ORG/NAME[@REVISION]", which is how an experiment names such a model.
bool is_hub_id(const std::string& id);

/// Of a text with or without "hf:". Throws UserError for what no model of the Hub is called.
HubName parse_hub_name(const std::string& text);

/// $HF_HUB_CACHE, $HUGGINGFACE_HUB_CACHE, $HF_HOME/hub, $XDG_CACHE_HOME/huggingface/hub, else
/// ~/.cache/huggingface/hub: the first that is set, as the library has it.
std::filesystem::path hub_cache();

struct HubSnapshot {
  std::filesystem::path folder;  ///< a model folder; empty: not here
  std::string commit;            ///< what the revision is; empty: nobody knows here
  std::string lacking;           ///< a file without which the folder cannot be used
  /// The cache has no list of the commit's files: whether all that change results are here (those
  /// of the tokenizer) is not known.
  bool unlisted = false;
  [[nodiscard]] bool whole() const { return !folder.empty() && lacking.empty(); }
};

/// `weights`: whether those are needed as well.
HubSnapshot find_in_hub_cache(const HubName& name, bool weights = true);

struct HubCacheModel {
  std::string id;  ///< "hf:ORG/NAME", with a revision where that is not main
  std::string commit;
  std::filesystem::path folder;
  std::int64_t bytes = 0;
};

/// As much of a commit's hash as people read.
std::string short_commit(const std::string& commit);

/// All that are whole and of a family that is read, sorted by id, each commit once. Looks at every
/// file of the cache, which may be large: for lists, not for finding one model. What cannot be read
/// (another user's) is not among them.
std::vector<HubCacheModel> hub_cache_models();

}  // namespace assay
