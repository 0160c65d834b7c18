#include "harness/checkpoint/hub_cache.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <string_view>

#include "harness/base/errors.h"
#include "harness/base/files.h"
#include "harness/base/json.h"
#include "harness/checkpoint/checkpoint.h"
#include "harness/checkpoint/tokenizer_files.h"

namespace assay {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kPrefix = "hf:";
constexpr std::string_view kFolderPrefix = "models--";
constexpr const char* kIndex = "model.safetensors.index.json";
constexpr std::size_t kLongestName = 96;
constexpr std::size_t kLongestRevision = 255;
constexpr std::size_t kShownCommit = 12;
constexpr int kTreeFormat = 1;

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/// Of letters, digits and these; the first a letter, a digit or '_'.
bool is_word(std::string_view text, std::string_view others) {
  const auto fits = [&](char c) { return is_letter_or_digit(c) || others.find(c) < others.size(); };
  return !text.empty() && (is_letter_or_digit(text.front()) || text.front() == '_') &&
         std::ranges::all_of(text, fits);
}

bool is_commit(std::string_view text) {
  constexpr std::size_t kDigits = 40;
  return text.size() == kDigits &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

/// The library's rules.
bool is_repository(std::string_view text) {
  constexpr std::string_view kOthers = "._-";
  const std::size_t slash = text.find('/');
  const bool owned = slash != std::string_view::npos;
  return text.size() <= kLongestName && (!owned || is_word(text.substr(0, slash), kOthers)) &&
         is_word(owned ? text.substr(slash + 1) : text, kOthers) &&
         text.find("--") == std::string_view::npos && text.find("..") == std::string_view::npos &&
         !text.ends_with(".git") && !text.ends_with("-") && !text.ends_with(".");
}

bool is_revision(std::string_view text) {
  return text.size() <= kLongestRevision && is_word(text, "._/+-") &&
         text.find("..") == std::string_view::npos;
}

/// Paths of what a folder holds, as far as it can be read. Iterators throw where they go on, too,
/// unless they are told not to.
template <typename Iterator>
std::vector<fs::path> entries_of(const fs::path& folder) {
  std::vector<fs::path> paths;
  std::error_code error;
  Iterator entry(folder, fs::directory_options::skip_permission_denied, error);
  for (; !error && entry != Iterator(); entry.increment(error)) paths.push_back(entry->path());
  return paths;
}

bool there(const fs::path& path) {
  std::error_code missing;
  return fs::exists(path, missing);
}

/// Nothing where the file is missing or damaged: then it says nothing.
Json json_or_nothing(const fs::path& path) {
  try {
    return there(path) ? read_json_file(path) : Json();
  } catch (const UserError&) {
    return {};
  }
}

/// Likewise, where it is no file or another user's.
std::string text_or_nothing(const fs::path& path) {
  std::error_code missing;
  try {
    return fs::is_regular_file(path, missing) ? read_text_file(path) : "";
  } catch (const UserError&) {
    return "";
  }
}

/// $NAME, in which "~/" is the home folder.
fs::path folder_of_variable(const char* name) {
  const std::string value = environment_or(name, "");
  if (!value.starts_with("~/")) return value;
  return fs::path(environment_or("HOME", "/root")) / value.substr(2);
}

fs::path folder_of(const std::string& repository) {
  std::string name = std::string(kFolderPrefix) + repository;
  const std::size_t slash = name.find('/');
  if (slash != std::string::npos) name.replace(slash, 1, "--");
  return hub_cache() / name;
}

std::string commit_of(const fs::path& repository, const std::string& revision) {
  if (is_commit(revision)) return revision;
  const fs::path ref = repository / "refs" / (revision.empty() ? "main" : revision);
  std::string commit = text_or_nothing(ref);
  commit.erase(std::find_if(commit.begin(), commit.end(), [](char c) { return c == '\n'; }),
               commit.end());
  return is_commit(commit) ? commit : "";
}

std::string lacking_weights(const fs::path& folder) {
  if (there(folder / "model.safetensors")) return "";
  const Json index = json_or_nothing(folder / kIndex);
  const Json map = index.is_object() ? index.value("weight_map", Json()) : Json();
  if (!map.is_object() || map.empty()) return "model.safetensors";
  for (const auto& [tensor, shard] : map.items()) {
    const std::string name = shard.is_string() ? shard.get<std::string>() : "";
    if (name.empty() || !there(folder / name)) return name.empty() ? kIndex : name;
  }
  return "";
}

/// Names of the commit's files, where the library wrote them down.
std::set<std::string> listed_files(const fs::path& repository, const std::string& commit) {
  const Json tree = json_or_nothing(repository / "trees" / (commit + ".json"));
  std::set<std::string> names;
  if (!tree.is_object() || tree.value("format_version", Json()) != kTreeFormat) return names;
  const Json files = tree.value("files", Json());
  for (const auto& [name, info] : files.items()) names.insert(name);
  return names;
}

std::string lacking_tokenizer(const fs::path& folder, const std::set<std::string>& listed) {
  for (const std::string& name : tokenizer_file_names()) {
    if (listed.contains(name) && !there(folder / name)) return name;
  }
  return "";
}

HubSnapshot snapshot_of(const fs::path& repository, const std::string& commit, bool weights) {
  HubSnapshot snapshot{.folder = {}, .commit = commit, .lacking = {}, .unlisted = false};
  const fs::path folder = repository / "snapshots" / commit;
  if (commit.empty() || !there(folder)) return snapshot;
  snapshot.folder = folder;
  const std::set<std::string> listed = listed_files(repository, commit);
  snapshot.unlisted = listed.empty();
  if (!there(folder / "config.json")) snapshot.lacking = "config.json";
  if (snapshot.lacking.empty()) snapshot.lacking = lacking_tokenizer(folder, listed);
  if (snapshot.lacking.empty() && weights) snapshot.lacking = lacking_weights(folder);
  return snapshot;
}

bool of_known_family(const fs::path& folder) {
  const Json config = json_or_nothing(folder / "config.json");
  const Json type = config.is_object() ? config.value("model_type", Json()) : Json();
  return std::ranges::any_of(families(), [&](const FamilyInfo& family) {
    return std::ranges::any_of(family.model_types,
                               [&](const std::string& name) { return type == name; });
  });
}

std::int64_t bytes_of(const fs::path& folder) {
  std::int64_t bytes = 0;
  std::error_code error;
  for (const fs::path& path : entries_of<fs::directory_iterator>(folder)) {
    const std::uintmax_t size = fs::file_size(path, error);
    if (!error) bytes += static_cast<std::int64_t>(size);
  }
  return bytes;
}

/// Commit -> the revision to name it by: "" for main, else a ref, else the commit itself.
std::map<std::string, std::string> revisions_of(const fs::path& repository) {
  std::map<std::string, std::string> names;
  for (const fs::path& path : entries_of<fs::directory_iterator>(repository / "snapshots")) {
    const std::string commit = path.filename().string();
    if (is_commit(commit)) names[commit] = commit;
  }
  std::vector<std::string> refs;
  for (const fs::path& path : entries_of<fs::recursive_directory_iterator>(repository / "refs")) {
    refs.push_back(path.lexically_relative(repository / "refs").string());
  }
  std::ranges::sort(refs);
  for (const std::string& ref : refs) {
    const auto named = names.find(commit_of(repository, ref));
    if (named != names.end() && is_commit(named->second)) named->second = ref;
  }
  const auto main = names.find(commit_of(repository, ""));
  if (main != names.end()) main->second = "";
  return names;
}

/// "ORG/NAME" of "models--ORG--NAME"; "" for other folders.
std::string repository_of(const std::string& folder) {
  if (!folder.starts_with(kFolderPrefix)) return "";
  std::string name = folder.substr(kFolderPrefix.size());
  const std::size_t dashes = name.find("--");
  if (dashes != std::string::npos) name.replace(dashes, 2, "/");
  return is_repository(name) ? name : "";
}

}  // namespace

std::string HubName::text() const {
  return revision.empty() ? repository : repository + "@" + revision;
}

std::string HubName::id() const { return std::string(kPrefix) + text(); }

bool is_hub_id(const std::string& id) { return id.starts_with(kPrefix); }

HubName parse_hub_name(const std::string& text) {
  const std::string name = is_hub_id(text) ? text.substr(kPrefix.size()) : text;
  const std::size_t at = name.find('@');
  const HubName parsed{name.substr(0, at), at == std::string::npos ? "" : name.substr(at + 1)};
  if (!is_repository(parsed.repository)) {
    throw UserError(fmt::format(
        "'{}' names no model of the Hugging Face Hub; give ORG/NAME or ORG/NAME@REVISION, as in "
        "HuggingFaceTB/SmolLM2-360M",
        text));
  }
  if (at != std::string::npos && !is_revision(parsed.revision)) {
    throw UserError(
        fmt::format("'{}': '{}' is no revision; give a branch, a tag or a commit behind the @",
                    text, parsed.revision));
  }
  return parsed;
}

fs::path hub_cache() {
  for (const char* name : {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"}) {
    const fs::path cache = folder_of_variable(name);
    if (!cache.empty()) return cache;
  }
  const fs::path home = folder_of_variable("HF_HOME");
  if (!home.empty()) return home / "hub";
  const fs::path caches = folder_of_variable("XDG_CACHE_HOME");
  if (!caches.empty()) return caches / "huggingface" / "hub";
  return fs::path(environment_or("HOME", "/root")) / ".cache" / "huggingface" / "hub";
}

HubSnapshot find_in_hub_cache(const HubName& name, bool weights) {
  const fs::path repository = folder_of(name.repository);
  return snapshot_of(repository, commit_of(repository, name.revision), weights);
}

std::string short_commit(const std::string& commit) { return commit.substr(0, kShownCommit); }

std::vector<HubCacheModel> hub_cache_models() {
  std::vector<HubCacheModel> models;
  for (const fs::path& path : entries_of<fs::directory_iterator>(hub_cache())) {
    const std::string repository = repository_of(path.filename().string());
    if (repository.empty()) continue;
    for (const auto& [commit, revision] : revisions_of(path)) {
      const HubSnapshot snapshot = snapshot_of(path, commit, true);
      if (!snapshot.whole() || !of_known_family(snapshot.folder)) continue;
      models.push_back(
          {HubName{repository, revision}.id(), commit, snapshot.folder, bytes_of(snapshot.folder)});
    }
  }
  std::ranges::sort(models, {}, &HubCacheModel::id);
  return models;
}

}  // namespace assay
