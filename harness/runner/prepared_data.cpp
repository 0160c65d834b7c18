#include "harness/runner/prepared_data.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "harness/base/errors.h"
#include "harness/base/file_lock.h"
#include "harness/base/files.h"
#include "harness/base/hash_cache.h"
#include "harness/base/hashing.h"
#include "harness/data/prepared_folder.h"
#include "harness/runner/tools.h"

namespace assay {
namespace fs = std::filesystem;
namespace {

/// What of a manifest changes the prepared content; how to fetch it does not, and a pin only where
/// the content is another (RawFiles::not_pinned).
Json recipe_of(const DatasetEntry& dataset, const std::string& split) {
  Json recipe = dataset.document.at("splits").at(split);
  recipe.erase("fetch");
  recipe.erase("sha256");
  recipe.erase("files");
  Json all = {{"split", split}, {"table", recipe}, {"join", dataset.document.value("join", "")}};
  for (const char* key : {"text", "label", "labels", "separator"}) {
    if (dataset.document.contains(key)) all[key] = dataset.document.at(key);
  }
  return all;
}

std::vector<std::string> tool_arguments(const PreparedRequest& request, const RawFiles& raw,
                                        const fs::path& folder) {
  std::vector<std::string> arguments = {"prepare-" + request.format,
                                        "--manifest",
                                        fs::absolute(request.dataset->manifest).string(),
                                        "--split",
                                        request.split,
                                        "--tokenizer",
                                        fs::absolute(request.tokenizer_folder).string(),
                                        "--out",
                                        fs::absolute(folder).string()};
  if (request.format == "items") {
    arguments.insert(arguments.end(), {"--task", request.task});
  } else if (request.format == "labelled") {
    arguments.insert(arguments.end(), {"--max-tokens", std::to_string(request.max_tokens)});
  }
  arguments.emplace_back("--raw");
  for (const fs::path& file : raw.files) arguments.push_back(fs::absolute(file).string());
  return arguments;
}

/// "sst2 (dev, at most 128 tokens)"
std::string name_of(const PreparedRequest& request) {
  std::string form;
  if (request.format == "items") form = ", " + request.task;
  if (request.format == "labelled") {
    form = fmt::format(", at most {} tokens", request.max_tokens);
  }
  return fmt::format("{} ({}{})", request.dataset->name, request.split, form);
}

/// Beside the folder: what its manifest hashed to when it was made. The manifest vouches for the
/// files, this for what else the manifest says.
fs::path seal_of(const fs::path& folder) { return folder.string() + ".manifest"; }

bool is_sealed(const fs::path& folder) {
  std::error_code missing;
  if (!fs::exists(seal_of(folder), missing)) return true;  // of an older assay
  return read_text_file(seal_of(folder)) == sha256_file(folder / "manifest.json") + "\n";
}

void seal(const fs::path& folder) {
  write_file_atomically(seal_of(folder), sha256_file(folder / "manifest.json") + "\n");
}

}  // namespace

std::string prepared_key(const PreparedRequest& request, const RawFiles& raw,
                         const std::string& tools_hash) {
  return json_hash({{"format", request.format},
                    {"raw", raw.hashes},
                    {"not_pinned", raw.not_pinned},
                    {"tokenizer", request.tokenizer_hash},
                    {"task", request.task},
                    {"max_tokens", request.max_tokens},
                    {"recipe", recipe_of(*request.dataset, request.split)},
                    {"tools", tools_hash}});
}

bool prepared_is_intact(const fs::path& folder, const std::string& tokenizer_hash) {
  std::error_code missing;
  if (!fs::exists(folder / "manifest.json", missing)) return false;
  try {
    if (!is_sealed(folder)) return false;
    const PreparedFolder prepared(folder);
    const Json& manifest = prepared.manifest();
    if (manifest.value("tokenizer_hash", tokenizer_hash) != tokenizer_hash) return false;
    for (const auto& [name, hash] : manifest.at("files").items()) {
      if (cached_file_hash(folder / name) != hash.get<std::string>()) return false;
    }
    return !manifest.at("files").empty();
  } catch (const std::exception&) {
    return false;
  }
}

fs::path ensure_prepared(const PreparedRequest& request, const RawFiles& raw,
                         const std::string& key, const std::function<void(const std::string&)>& say,
                         std::stop_token stop) {
  const fs::path folder = assay_home() / "prepared" / key;
  if (prepared_is_intact(folder, request.tokenizer_hash)) return folder;
  ensure_folder(folder.parent_path());
  const FileLock lock(folder, stop);
  if (prepared_is_intact(folder, request.tokenizer_hash))
    return folder;  // another program made it meanwhile
  std::error_code error;
  if (fs::exists(folder, error)) {
    say(fmt::format("{}: damaged; preparing it again", folder.string()));
    fs::remove_all(folder, error);
  }
  say("preparing " + name_of(request));
  fs::remove(seal_of(folder), error);
  run_python_tool(tool_arguments(request, raw, folder), std::move(stop));
  if (!prepared_is_intact(folder, request.tokenizer_hash)) {
    throw MachineError(
        fmt::format("{}: the prepared data is damaged right after it was made, or the tokenizer in "
                    "{} changed meanwhile; check the disk, and run it again",
                    folder.string(), request.tokenizer_folder.string()));
  }
  seal(folder);
  return folder;
}

}  // namespace assay
