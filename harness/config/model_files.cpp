#include "harness/config/model_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "harness/base/display.h"
#include "harness/base/errors.h"
#include "harness/base/files.h"
#include "harness/base/text.h"
#include "harness/checkpoint/hub_cache.h"
#include "harness/config/profile_file.h"

namespace assay {
namespace fs = std::filesystem;
namespace {

/// What is downloaded, for those who have to decide whether to.
std::int64_t read_size(TableReader& source) {
  const auto size = source.text("size");
  if (!size) return 0;
  const auto bytes = decimal_size(*size);
  if (!bytes) {
    source.refuse("size", *source.node().get("size"), "a size such as \"13.3 GB\" or \"98 MB\"");
  }
  return bytes.value_or(0);
}

/// [source] of a model that comes out of a wheel: one file of it, or a folder of listed ones.
void read_wheel(TableReader& source, bool folder, ModelEntry& entry) {
  entry.source =
      fmt::format("PyPI {} {}", source.required_text("package"), source.required_text("version"));
  source.required_text("sha256");
  source.required_text(folder ? "folder" : "file");
  if (!folder) {
    source.text("file_sha256");
  } else if (auto files = source.table("files", "[source.files]")) {
    for (const std::string& name : files->keys()) files->text(name);
    files->finish();
  } else if (!source.node().contains("files")) {
    source.problem(source.place(), "no [source.files]; add it");
  }
}

/// [source] of a model of the Hugging Face Hub.
void read_repository(TableReader& source, ModelEntry& entry) {
  const std::string repository = source.required_text("repository");
  const std::string revision = source.text("revision").value_or("");
  if (repository.empty()) return;
  try {
    entry.hub = parse_hub_name(HubName{repository, revision}.text()).text();
    entry.source = "Hugging Face Hub " + entry.hub;
  } catch (const UserError& error) {
    source.problem(source.place("repository"), error.what());
  }
}

void read_source(TableReader& source, const std::string& importer, ModelEntry& entry) {
  if (importer == "hub") {
    read_repository(source, entry);
  } else {
    read_wheel(source, importer == "folder", entry);
  }
  entry.bytes = read_size(source);
  source.finish();
}

// Folders of models that are already there, under names that nothing else has.
void find_model_folders(const fs::path& parent, Catalogue& catalogue) {
  for (const fs::path& folder : entries_of_folder(parent)) {
    std::error_code error;
    const std::string name = folder.filename().string();
    // What is not UTF-8 stands in no experiment file.
    if (!is_utf8(name) || !fs::exists(folder / "config.json", error)) continue;
    if (std::ranges::find(catalogue.models, name, &ModelEntry::name) == catalogue.models.end()) {
      catalogue.models.push_back({name, "folder " + folder.string(), "local"});
    }
  }
}

}  // namespace

void read_model(TableReader& reader, const TomlDocument& document, Catalogue& catalogue) {
  ModelEntry entry;
  entry.name = name_of_file(reader, "name", document);
  entry.summary = reader.required_text("summary");
  entry.licence = reader.required_text("licence");
  entry.importer = reader.word("importer", {"folder", "gguf", "hub", "shape"}).value_or("");
  if (!document.root.contains("importer")) reader.required_text("importer");
  if (entry.importer == "shape") {
    entry.source = "a shape without weights";
    // Its content is the family's own, and is checked when the model is opened.
    if (!reader.take("config")) reader.problem(reader.place(), "no [config]; add it");
  } else if (auto source = reader.table("source", "[source]")) {
    read_source(*source, entry.importer, entry);
  } else if (!document.root.contains("source")) {
    reader.problem(reader.place(), "no [source]; add it");
  }
  catalogue.models.push_back(std::move(entry));
}

void add_model_folders(Catalogue& catalogue) {
  const std::string own_models = environment_or("ASSAY_MODELS", "");
  if (!own_models.empty()) find_model_folders(own_models, catalogue);
  find_model_folders(assay_home() / "models", catalogue);
}

void add_models_in_hub_cache(Catalogue& catalogue) {
  for (const HubCacheModel& model : hub_cache_models()) {
    const std::string summary = fmt::format("Hugging Face cache, commit {}, {}",
                                            short_commit(model.commit), decimal_bytes(model.bytes));
    catalogue.models.push_back({model.id, summary, "Hugging Face cache"});
  }
}

}  // namespace assay
