#include "harness/runner/model_finder.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "harness/base/errors.h"
#include "harness/base/file_lock.h"
#include "harness/base/files.h"
#include "harness/base/text.h"
#include "harness/runner/tools.h"

namespace assay {
namespace fs = std::filesystem;
namespace {

bool is_model_folder(const fs::path& folder) {
  std::error_code missing;
  return fs::exists(folder / "config.json", missing);
}

/// "a/b", "./x" and "~" say a path; a bare word is a name.
bool looks_like_path(const std::string& id) {
  return id.find('/') != std::string::npos || id == "." || id == "..";
}

std::vector<std::string> model_names(const Catalogue& catalogue) {
  std::vector<std::string> names;
  for (const ModelEntry& model : catalogue.models) names.push_back(model.name);
  return names;
}

}  // namespace

fs::path model_manifest(const std::string& name) {
  const fs::path manifest = share_folder() / "models" / (name + ".toml");
  std::error_code missing;
  return !looks_like_path(name) && fs::exists(manifest, missing) ? manifest : fs::path();
}

fs::path present_model(const std::string& name) {
  if (looks_like_path(name)) {
    std::error_code missing;
    return fs::is_directory(name, missing) ? fs::path(name) : fs::path();
  }
  const std::string models = environment_or("ASSAY_MODELS", "");
  if (!models.empty() && is_model_folder(fs::path(models) / name)) return fs::path(models) / name;
  if (is_model_folder(assay_home() / "models" / name)) return assay_home() / "models" / name;
  return is_model_folder(name) ? fs::path(name) : fs::path();
}

fs::path import_model(const std::string& name, const Catalogue& catalogue,
                      const std::function<void(const std::string&)>& say, std::stop_token stop) {
  const fs::path manifest = model_manifest(name);
  if (manifest.empty()) {
    throw UserError(unknown_name_message("model", name, model_names(catalogue)));
  }
  const fs::path folder = ensure_folder(assay_home() / "models") / name;
  const FileLock lock(folder, stop);
  if (is_model_folder(folder)) return folder;  // another program made it meanwhile
  say(fmt::format("importing model {} into {}", name, folder.string()));
  run_python_tool({"import-model", "--manifest", fs::absolute(manifest).string(), "--out",
                   fs::absolute(folder).string()},
                  std::move(stop));
  return folder;
}

fs::path find_model(const std::string& id, const Catalogue& catalogue,
                    const std::function<void(const std::string&)>& say, std::stop_token stop) {
  fs::path folder = present_model(id);
  if (folder.empty() && !model_manifest(id).empty()) {
    folder = import_model(id, catalogue, say, std::move(stop));
  }
  if (!folder.empty()) return folder;
  if (looks_like_path(id)) {
    throw UserError(
        fmt::format("model '{}': no such folder; give a Hugging Face directory (config.json, "
                    "*.safetensors, tokenizer.json) or a name of `assay list models`",
                    id));
  }
  throw UserError(fmt::format("{}; or give the path of a Hugging Face directory, such as './{}'",
                              unknown_name_message("model", id, model_names(catalogue)), id));
}

}  // namespace assay
