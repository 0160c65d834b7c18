#include "harness/config/model_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <optional>
#include <regex>
#include <string>
#include <vector>

#include "harness/base/errors.h"
#include "harness/base/files.h"
#include "harness/checkpoint/hub_cache.h"
#include "harness/config/profile_file.h"

namespace assay {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kShownCommit = 12;

/// In powers of ten, as the Hub and PyPI show sizes.
std::optional<std::int64_t> decimal_size(const std::string& text) {
  static const std::regex kForm(R"(([0-9]{1,6}(\.[0-9]{1,3})?) *(MB|GB|TB))");
  std::smatch parts;
  if (!std::regex_match(text, parts, kForm)) return std::nullopt;
  static const std::map<std::string, double> kUnit = {{"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}};
  const auto bytes =
      static_cast<std::int64_t>(std::llround(std::stod(parts[1].str()) * kUnit.at(parts[3].str())));
  return bytes > 0 ? std::optional<std::int64_t>(bytes) : std::nullopt;
}

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

// Folders of models that are already there; a manifest of the same name gets its folder.
void find_model_folders(const fs::path& parent, Catalogue& catalogue) {
  std::error_code error;
  std::vector<fs::path> folders;
  for (const auto& entry : fs::directory_iterator(parent, error)) {
    if (fs::exists(entry.path() / "config.json", error)) folders.push_back(entry.path());
  }
  std::sort(folders.begin(), folders.end());
  for (const fs::path& folder : folders) {
    const std::string name = folder.filename().string();
    const auto known =
        std::find_if(catalogue.models.begin(), catalogue.models.end(),
                     [&name](const ModelEntry& model) { return model.name == name; });
    if (known == catalogue.models.end()) {
      catalogue.models.push_back({name, "folder " + folder.string(), "local", folder});
    } else if (known->folder.empty()) {
      known->folder = folder;
    }
  }
}

/// Those of the Hub's cache have names of their own, and stand for a manifest of their repository.
void find_hub_models(Catalogue& catalogue) {
  for (const HubCacheModel& model : hub_cache_models()) {
    const std::string summary =
        fmt::format("Hugging Face cache, commit {}, {}", model.commit.substr(0, kShownCommit),
                    decimal_bytes(model.bytes));
    catalogue.models.push_back({model.id, summary, "Hugging Face cache", model.folder});
  }
  for (ModelEntry& entry : catalogue.models) {
    if (entry.hub.empty() || !entry.folder.empty()) continue;
    const HubSnapshot snapshot = find_in_hub_cache(parse_hub_name(entry.hub));
    if (snapshot.whole()) entry.folder = snapshot.folder;
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

void add_models_that_are_here(Catalogue& catalogue) {
  const std::string own_models = environment_or("ASSAY_MODELS", "");
  if (!own_models.empty()) find_model_folders(own_models, catalogue);
  find_model_folders(assay_home() / "models", catalogue);
  find_hub_models(catalogue);
}

}  // namespace assay
