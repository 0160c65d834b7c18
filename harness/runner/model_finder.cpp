#include "harness/runner/model_finder.h"

#include <fmt/format.h>

#include <algorithm>
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

const ModelEntry* entry_of(const std::string& name, const Catalogue& catalogue) {
  const auto found =
      std::ranges::find_if(catalogue.models, [&](const auto& model) { return model.name == name; });
  return found == catalogue.models.end() ? nullptr : &*found;
}

/// A folder that is named as it is, or by a name of the user's.
fs::path local_model(const std::string& name) {
  if (looks_like_path(name)) {
    std::error_code missing;
    return fs::is_directory(name, missing) ? fs::path(name) : fs::path();
  }
  const std::string models = environment_or("ASSAY_MODELS", "");
  if (!models.empty() && is_model_folder(fs::path(models) / name)) return fs::path(models) / name;
  if (is_model_folder(assay_home() / "models" / name)) return assay_home() / "models" / name;
  return is_model_folder(name) ? fs::path(name) : fs::path();
}

/// "facebook/opt-125m" may be meant for the Hub's.
std::string hub_suggestion(const std::string& id) {
  try {
    return fmt::format(", or hf:{} for a model of the Hugging Face Hub", parse_hub_name(id).text());
  } catch (const UserError&) {
    return "";
  }
}

[[noreturn]] void refuse_unknown(const std::string& id, const Catalogue& catalogue) {
  if (looks_like_path(id)) {
    throw UserError(
        fmt::format("model '{}': no such folder; give a Hugging Face directory (config.json, "
                    "*.safetensors, tokenizer.json) or a name of `assay list models`{}",
                    id, hub_suggestion(id)));
  }
  throw UserError(fmt::format("{}; or give the path of a Hugging Face directory, such as './{}'",
                              unknown_name_message("model", id, model_names(catalogue)), id));
}

[[noreturn]] void refuse_absent(const std::string& id, const HubName& name, bool weights) {
  const HubSnapshot snapshot = find_in_hub_cache(name, weights);
  const std::string found =
      snapshot.lacking.empty()
          ? "is not in the Hugging Face cache"
          : fmt::format("is in the Hugging Face cache without {}", snapshot.lacking);
  throw MachineError(fmt::format("model '{}' {} ({}); get it with: {}", id, found,
                                 hub_cache().string(), command_that_gets(name, weights)));
}

fs::path hub_model(const HubName& name, bool weights) {
  const HubSnapshot snapshot = find_in_hub_cache(name, weights);
  return snapshot.whole() ? snapshot.folder : fs::path();
}

}  // namespace

fs::path model_manifest(const std::string& name) {
  const fs::path manifest = share_folder() / "models" / (name + ".toml");
  std::error_code missing;
  return !looks_like_path(name) && fs::exists(manifest, missing) ? manifest : fs::path();
}

std::optional<HubName> hub_name_of(const std::string& name, const Catalogue& catalogue) {
  if (is_hub_id(name)) return parse_hub_name(name);
  const ModelEntry* entry = entry_of(name, catalogue);
  if (entry == nullptr || entry->hub.empty()) return std::nullopt;
  return parse_hub_name(entry->hub);
}

fs::path present_model(const std::string& name, const Catalogue& catalogue, bool weights) {
  if (is_hub_id(name)) return hub_model(parse_hub_name(name), weights);
  const fs::path folder = local_model(name);
  if (!folder.empty()) return folder;
  const auto hub = hub_name_of(name, catalogue);
  return hub ? hub_model(*hub, weights) : fs::path();
}

FoundModel look_for_model(const std::string& name, const Catalogue& catalogue, bool weights) {
  FoundModel found{.folder = present_model(name, catalogue, weights)};
  if (!found.folder.empty()) return found;
  const ModelEntry* entry = entry_of(name, catalogue);
  if (is_hub_id(name) || (entry != nullptr && !entry->hub.empty())) {
    found.absent = Absent::kHub;
  } else if (entry == nullptr || entry->importer.empty()) {
    refuse_unknown(name, catalogue);
  } else {
    found.absent = entry->importer == "shape" ? Absent::kShape : Absent::kImport;
  }
  return found;
}

std::string command_that_gets(const HubName& name, bool weights) {
  return fmt::format("assay model get {}{}", weights ? "" : "--shape ", name.text());
}

fs::path import_gguf_file(const fs::path& file, const std::string& name, bool again,
                          const std::function<void(const std::string&)>& say,
                          std::stop_token stop) {
  std::error_code missing;
  if (!fs::is_regular_file(file, missing)) {
    throw UserError(fmt::format("{}: no such file", file.string()));
  }
  const fs::path folder = ensure_folder(assay_home() / "models") / name;
  const fs::path used = local_model(name);
  if (!used.empty() && fs::weakly_canonical(used) != fs::weakly_canonical(folder)) {
    throw UserError(
        fmt::format("{}: '{}' is the model in {} for every experiment; give another name with "
                    "--name",
                    file.string(), name, used.string()));
  }
  const FileLock lock(folder, stop);
  if (fs::exists(folder, missing) && !again) {
    throw UserError(fmt::format(
        "{}: is there already; give another name with --name, or replace it with --again",
        folder.string()));
  }
  say(fmt::format("importing {} into {}", file.string(), folder.string()));
  run_python_tool({"import-gguf", "--file", fs::absolute(file).string(), "--out",
                   fs::absolute(folder).string()},
                  std::move(stop));
  return folder;
}

fs::path import_model(const std::string& name, const Catalogue& catalogue,
                      const std::function<void(const std::string&)>& say, std::stop_token stop) {
  const fs::path manifest = model_manifest(name);
  if (manifest.empty()) {
    throw UserError(unknown_name_message("model", name, model_names(catalogue)));
  }
  if (const auto hub = hub_name_of(name, catalogue)) {
    throw UserError(fmt::format("model '{}' comes from the Hugging Face Hub; get it with: {}", name,
                                command_that_gets(*hub, true)));
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
                    const std::function<void(const std::string&)>& say, std::stop_token stop,
                    bool weights) {
  const FoundModel found = look_for_model(id, catalogue, weights);
  if (!found.absent) return found.folder;
  if (*found.absent == Absent::kHub) refuse_absent(id, *hub_name_of(id, catalogue), weights);
  return import_model(id, catalogue, say, std::move(stop));
}

}  // namespace assay
