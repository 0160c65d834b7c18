#include "harness/imports/import.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "harness/base/clock.h"
#include "harness/base/errors.h"
#include "harness/base/files.h"
#include "harness/base/hashing.h"
#include "harness/base/text.h"
#include "harness/imports/import_format.h"

namespace assay {
namespace {

const ImportFormat& named_format(const std::string& name) {
  const auto& all = import_format_table();
  const auto found = std::ranges::find(all, name, &ImportFormat::name);
  if (found == all.end()) throw UserError(unknown_name_message("format", name, import_formats()));
  return *found;
}

const ImportFormat& format_of(const ImportSource& source) {
  for (const ImportFormat& format : import_format_table()) {
    if (format.recognises(source)) return format;
  }
  throw UserError(
      fmt::format("{}: is of no format that can be imported; formats: {}. --format "
                  "names one",
                  source.file().string(), join(import_formats(), ", ")));
}

/// One document cannot hold the same cell twice, nor one tag two meanings.
void check_cells(const ImportContent& content) {
  std::vector<std::string> keys;
  for (const ImportedCell& cell : content.cells) keys.push_back(cell.cell.key);
  std::ranges::sort(keys);
  if (std::ranges::adjacent_find(keys) == keys.end()) return;
  throw std::logic_error(content.format + " made one cell twice");
}

ImportedFile read_source(const ImportSource& source, const std::string& format) {
  const ImportFormat& chosen = format.empty() ? format_of(source) : named_format(format);
  auto content = std::make_unique<ImportContent>();
  content->format = chosen.name;
  content->hash = sha256_hex(source.text());
  // With the hash, two files of one name never share a convention.
  content->source =
      fmt::format("{} ({})", source.file().filename().string(), content->hash.substr(0, 8));
  ImportProblems problems(source.file().string());
  chosen.read(source, *content, problems);
  problems.refuse();
  check_cells(*content);
  for (std::size_t i = 0; i < content->cells.size(); ++i) {
    content->cells[i].cell.ordinal = static_cast<std::int64_t>(i);
  }
  return ImportedFile(std::move(content));
}

void store_cell(Store& store, std::int64_t experiment, const ImportedCell& cell,
                const std::string& source, const std::string& session) {
  const std::int64_t attempt = store.begin_attempt(experiment, cell.cell.key, session);
  const bool ok = cell.outcome.outcome == Outcome::kOk;
  store.add_imported(attempt, source, ok ? cell.measured : ImportedAttempt());
  store.finish_attempt(attempt, cell.outcome);
}

void count(ImportCounts& counts, const std::vector<MetricValue>& values) {
  const auto known = std::ranges::count_if(
      values, [](const MetricValue& value) { return value.value.has_value(); });
  counts.values += static_cast<std::size_t>(known);
  counts.gaps += values.empty() ? 1 : values.size() - static_cast<std::size_t>(known);
}

}  // namespace

ImportedFile::ImportedFile(std::unique_ptr<const ImportContent> content)
    : content_(std::move(content)) {}
ImportedFile::ImportedFile(ImportedFile&&) noexcept = default;
ImportedFile::~ImportedFile() = default;
const std::string& ImportedFile::format() const { return content_->format; }
const std::vector<std::string>& ImportedFile::left_out() const { return content_->left_out; }

std::vector<std::string> import_formats() {
  std::vector<std::string> names;
  for (const ImportFormat& format : import_format_table()) names.push_back(format.name);
  std::ranges::sort(names);
  return names;
}

ImportedFile read_import(const std::filesystem::path& file, const std::string& format) {
  const std::string text = read_text_file(file);
  return read_source(ImportSource(file, text, true), format);
}

ImportedFile read_import_text(std::string_view text, const std::filesystem::path& file,
                              const std::string& format) {
  return read_source(ImportSource(file, text, false), format);
}

ImportCounts store_import(Store& store, const ImportedFile& file, const std::string& experiment) {
  const ImportContent& content = file.content();
  std::vector<PlannedCell> plan;
  bool limited = false;
  for (const ImportedCell& cell : content.cells) {
    plan.push_back(cell.cell);
    limited = limited || cell.cell.limited;
  }
  const Json config = {{"title", "Imported from " + content.source},
                       {"imported",
                        {{"file", content.source},
                         {"format", content.format},
                         {"sha256", content.hash},
                         {"says", content.facts},
                         {"left_out", content.left_out}}}};
  const std::int64_t id = store.add_experiment(experiment, config, 0, limited, plan);
  const std::string session = new_uuid();
  ImportCounts counts{content.cells.size(), 0, 0};
  for (const ImportedCell& cell : content.cells) {
    if (!store.reuse(id, cell.cell.key)) {
      store_cell(store, id, cell, content.source, session);
    }
    count(counts, cell.measured.values);
  }
  return counts;
}

}  // namespace assay
