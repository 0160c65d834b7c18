#include "harness/config/catalogue_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <set>

#include "harness/base/errors.h"
#include "harness/base/files.h"
#include "harness/base/text.h"
#include "harness/config/model_files.h"
#include "harness/config/profile_file.h"
#include "harness/config/toml_reader.h"

namespace assay {
namespace fs = std::filesystem;
namespace {

using Read = std::function<void(TableReader&, const TomlDocument&)>;

template <typename Visit>
void for_each_document(const fs::path& folder, Problems& problems, Visit visit) {
  for (const fs::path& path : files_of_folder(folder, ".toml")) {
    try {
      visit(TomlDocument(path));
    } catch (const UserError& error) {
      problems.add_line(path.string(), error.what());
    }
  }
}

void read_folder(const fs::path& folder, Problems& problems, const Read& read) {
  for_each_document(folder, problems, [&](const TomlDocument& document) {
    TableReader reader(document.root, document.file, fs::path(document.file).filename().string(),
                       problems);
    read(reader, document);
    reader.finish();
  });
}

void read_fetch(TableReader& split) {
  auto fetch = split.table("fetch", "fetch");
  if (!fetch) return;
  fetch->word("from", {"pypi", "hub"});
  if (!fetch->node().contains("from")) fetch->required_text("from");
  for (const char* key : {"package", "version", "sha256", "platform", "python", "abi", "file",
                          "file_sha256", "layout", "repository", "config", "split", "revision"}) {
    fetch->text(key);
  }
  fetch->take("splits");
  fetch->finish();
}

void read_split(TableReader& split) {
  const auto files = split.texts("files");
  if (!split.node().contains("files")) {
    split.problem(split.place(), split.what() + " has no key 'files'; add it");
  }
  const auto hashes = split.texts("sha256");
  if (files && hashes && files->size() != hashes->size()) {
    split.problem(split.place("sha256"), fmt::format("{} hashes for {} files; give one for each",
                                                     hashes->size(), files->size()));
  }
  split.integers("documents", 0);
  read_fetch(split);
  split.finish();
}

// The classes of a labelled data set with their numbers, which leave no gap.
void read_labels(TableReader& labels) {
  const std::vector<std::string> names = labels.keys();
  const auto classes = static_cast<std::int64_t>(names.size());
  if (classes < 2) {
    labels.problem(labels.place(), "labels names fewer than two classes; name all of them");
    return;
  }
  std::set<std::int64_t> numbers;
  for (const std::string& name : names) {
    const auto number = labels.integer(name, 0, classes - 1);
    if (!number || numbers.insert(*number).second) continue;
    labels.problem(labels.place(name), fmt::format("labels gives {} to two classes; give each of 0 "
                                                   "to {} once",
                                                   *number, classes - 1));
  }
}

// How the rows of a labelled data set read: one text or two, and a class.
void read_labelled(TableReader& reader) {
  const auto columns = reader.texts("text");
  if (!reader.node().contains("text")) {
    reader.problem(reader.place(), reader.what() + " has no key 'text'; add it");
  }
  if (columns && columns->size() > 2) {
    reader.problem(reader.place("text"), fmt::format("text names {} columns; name one, or the two "
                                                     "of a pair",
                                                     columns->size()));
  }
  if (columns && columns->size() == 2) reader.required_text("separator");
  reader.required_text("label");
  if (auto labels = reader.table("labels", "labels")) {
    read_labels(*labels);
  } else if (!reader.node().contains("labels")) {
    reader.problem(reader.place(), reader.what() + " has no key 'labels'; add it");
  }
}

void read_dataset(TableReader& reader, const TomlDocument& document, Catalogue& catalogue) {
  DatasetEntry entry;
  entry.name = name_of_file(reader, "name", document);
  entry.summary = reader.required_text("summary");
  entry.licence = reader.required_text("licence");
  entry.source = reader.required_text("source");
  const auto kind = reader.word("kind", {"text", "items", "labelled"});
  if (!document.root.contains("kind")) reader.required_text("kind");
  const auto sampling = reader.word("sampling", {"documents", "stream"});
  const auto join_rule = reader.text("join");
  if (kind == "text" && !document.root.contains("join")) reader.required_text("join");
  if (kind == "text" && !document.root.contains("sampling")) reader.required_text("sampling");
  if (kind == "labelled") read_labelled(reader);
  entry.kind = kind.value_or("");
  entry.sampling = kind == kItemsData ? kItemsData : sampling.value_or("");
  if (auto splits = reader.table("splits", "[splits]")) {
    for (const std::string& name : splits->keys()) {
      entry.splits.push_back(name);
      if (auto split = splits->table(name, fmt::format("[splits.{}]", name))) read_split(*split);
    }
  }
  if (entry.splits.empty()) reader.problem(reader.place(), "no [splits.NAME]; add one");
  entry.manifest = document.file;
  entry.document = json_of(document.root).value_or(Json::object());
  catalogue.datasets.push_back(std::move(entry));
}

// What a data set must be for suites that read a format.
std::string kind_for(const std::string& data_format) {
  return data_format == "stream" ? "text" : data_format;
}

void check_suite_dataset(TableReader& reader, const SuiteEntry& entry, const SuiteKindEntry& kind,
                         const DatasetEntry& dataset) {
  const std::string wanted = kind_for(kind.data_format);
  if (!dataset.kind.empty() && dataset.kind != wanted) {
    reader.problem(
        reader.place("dataset"),
        fmt::format("data set '{}' is of kind \"{}\", suite kind '{}' needs \"{}\"; name "
                    "another data set",
                    dataset.name, dataset.kind, kind.name, wanted));
    return;
  }
  if (std::ranges::count(dataset.splits, entry.split) > 0) return;
  reader.problem(reader.place("split"), unknown_name_message("split", entry.split, dataset.splits) +
                                            fmt::format(" (data set '{}')", entry.dataset));
}

void check_suite_data(TableReader& reader, const SuiteEntry& entry, const SuiteKindEntry& kind,
                      const Catalogue& catalogue) {
  if (kind.data_format.empty()) {
    if (!entry.dataset.empty()) {
      reader.problem(reader.place("dataset"),
                     fmt::format("kind '{}' uses no data set; remove the key", kind.name));
    }
    return;
  }
  if (kind.data_format == "items" && entry.task.empty()) reader.required_text("task");
  if (entry.dataset.empty()) {
    reader.required_text("dataset");
    return;
  }
  try {
    check_suite_dataset(reader, entry, kind, catalogue.dataset(entry.dataset));
  } catch (const UserError& error) {
    reader.problem(reader.place("dataset"), error.what());
  }
}

void read_suite_params(TableReader& reader, const SuiteKindEntry& kind, SuiteEntry& entry) {
  auto params = reader.table("params", fmt::format("[params] of kind '{}'", kind.name));
  if (!params) return;
  for (const ParamSpec& spec : kind.params) {
    const toml::node* node = params->take(spec.name);
    if (node == nullptr) continue;
    const auto value = json_of(*node);
    const auto problem = value ? value_problem(spec, *value) : "is not a plain value";
    if (problem) {
      params->problem(params->place(spec.name), fmt::format("{} = {}", spec.name, *problem));
    } else {
      entry.params[spec.name] = *value;
    }
  }
  params->finish();
}

void read_suite(TableReader& reader, const TomlDocument& document, Catalogue& catalogue) {
  SuiteEntry entry;
  entry.id = name_of_file(reader, "id", document);
  entry.kind = reader.required_text("kind");
  entry.summary = reader.required_text("summary");
  entry.dataset = reader.text("dataset").value_or("");
  entry.split = reader.text("split").value_or("");
  entry.task = reader.text("task").value_or("");
  try {
    const SuiteKindEntry& kind = catalogue.suite_kind(entry.kind);
    check_suite_data(reader, entry, kind, catalogue);
    read_suite_params(reader, kind, entry);
  } catch (const UserError& error) {
    reader.take("params");
    reader.problem(reader.place("kind"), error.what());
  }
  entry.hash = sha256_of_toml(document.root);
  catalogue.suites.push_back(std::move(entry));
}

}  // namespace

void read_catalogue_files(const fs::path& share, Catalogue& catalogue) {
  Problems problems;
  const auto reading = [&catalogue](auto read) {
    return [&catalogue, read](TableReader& reader, const TomlDocument& document) {
      read(reader, document, catalogue);
    };
  };
  read_folder(share / "datasets", problems, reading(read_dataset));
  read_folder(share / "datasets" / "suites", problems, reading(read_suite));
  read_folder(share / "models", problems, reading(read_model));
  for_each_document(share / "hardware_profiles", problems, [&](TomlDocument document) {
    read_profile(std::move(document), problems, catalogue);
  });
  problems.throw_if_any();
  add_model_folders(catalogue);
}

}  // namespace assay
