// One value a line, by hand or by `assay report --format csv`.

#include "harness/imports/csv.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <map>
#include <optional>
#include <set>

#include "harness/base/errors.h"
#include "harness/base/numbers.h"
#include "harness/base/text.h"
#include "harness/imports/import_format.h"

namespace assay {
namespace {

const std::vector<std::string>& known_columns() {
  static const std::vector<std::string> kNames = {
      "model", "method", "suite", "metric", "value", "params", "suite_params", "unit", "direction",
      "convention", "seed", "lo", "hi", "n", "random_weights", "limited", "status", "reason",
      // Of our own CSV; made anew or without meaning for what comes from elsewhere.
      "experiment", "profile", "twin_value", "ratio", "cell_key", "best", "remarks", "machine",
      "origin"};
  return kNames;
}

/// One line of the file with its fields by column.
class Line {
 public:
  Line(const CsvRecord& header, const CsvRecord& record) : number_(record.line) {
    for (std::size_t i = 0; i < header.fields.size(); ++i) {
      fields_[header.fields[i]] = record.fields[i];
    }
  }
  [[nodiscard]] std::size_t number() const { return number_; }
  [[nodiscard]] std::string text(const std::string& column) const {
    const auto found = fields_.find(column);
    return found == fields_.end() ? "" : found->second;
  }
  [[nodiscard]] const std::map<std::string, std::string>& fields() const { return fields_; }

 private:
  std::size_t number_;
  std::map<std::string, std::string> fields_;
};

std::optional<double> number_in(const Line& line, const std::string& column,
                                ImportProblems& problems) {
  const std::string text = line.text(column);
  if (text.empty()) return std::nullopt;
  const auto value = number_from<double>(text);
  if (value && std::isfinite(*value)) return value;
  problems.add(line.number(),
               fmt::format("{} = {} is not a finite number; leave it empty where there is none, "
                           "and say why in status (NAN, OOM, ...)",
                           column, quoted_name(text)));
  return std::nullopt;
}

/// Of a column that holds whole numbers in [least, most]; 0 where it is empty.
std::int64_t whole_in(const Line& line, const std::string& column, std::int64_t least,
                      std::int64_t most, ImportProblems& problems) {
  const auto value = number_in(line, column, problems);
  if (!value) return 0;
  if (*value == std::floor(*value) && *value >= static_cast<double>(least) &&
      *value <= static_cast<double>(most)) {
    return static_cast<std::int64_t>(*value);
  }
  problems.add(line.number(), fmt::format("{} = {}; allowed: whole numbers from {} to {}", column,
                                          quoted_name(line.text(column)), least, most));
  return 0;
}

/// "params" as JSON, and "params.NAME" columns on top of it.
Json params_in(const Line& line, const std::string& whole, const std::string& prefix,
               ImportProblems& problems) {
  Json params = Json::object();
  const std::string text = line.text(whole);
  if (!text.empty()) {
    params = try_parse_json(text);
    if (!params.is_object()) {
      problems.add(line.number(),
                   fmt::format("{} is not a JSON object: {}", whole, quoted_name(text)));
      params = Json::object();
    }
  }
  for (const auto& [column, field] : line.fields()) {
    if (!column.starts_with(prefix) || field.empty()) continue;
    const Json number = try_parse_json(field);
    params[column.substr(prefix.size())] = number.is_number() ? number : Json(field);
  }
  return params;
}

/// With the line of each metric.
struct CsvCell {
  ImportedCell cell;
  std::map<std::string, std::size_t> lines;
};

/// Spreadsheets write TRUE, people yes.
bool flag_in(const Line& line, const std::string& column, ImportProblems& problems) {
  std::string text = line.text(column);
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
  if (text == "true" || text == "yes" || text == "1") return true;
  if (text.empty() || text == "false" || text == "no" || text == "0") return false;
  problems.add(line.number(), fmt::format("{} = {}; allowed: true, yes, 1, false, no, 0", column,
                                          quoted_name(line.text(column))));
  return false;
}

PlannedCell cell_in(const Line& line, const std::string& hash, ImportProblems& problems) {
  for (const char* column : {"model", "method", "suite"}) {
    if (line.text(column).empty()) {
      problems.add(line.number(), fmt::format("{} is empty; every line needs one", column));
    }
  }
  ImportedNames names{.model = line.text("model"),
                      .method = line.text("method"),
                      .suite = line.text("suite"),
                      .params = params_in(line, "params", "params.", problems),
                      .suite_params = params_in(line, "suite_params", "suite.", problems)};
  names.seed = static_cast<std::uint64_t>(whole_in(line, "seed", 0, kMostWhole, problems));
  names.random_weights = flag_in(line, "random_weights", problems);
  names.limited = flag_in(line, "limited", problems);
  return imported_cell(names, hash);
}

void read_status(ImportedCell& cell, const Line& line, ImportProblems& problems) {
  const std::string status = line.text("status");
  if (status.empty() || status == "OK") return;
  std::vector<std::string> names;
  for (const Outcome outcome : kAllOutcomes) {
    if (outcome == Outcome::kQueued || outcome == Outcome::kRunning) continue;
    names.emplace_back(outcome_name(outcome));
    if (names.back() == status) {
      cell.outcome = {outcome, "imported", line.text("reason")};
      return;
    }
  }
  problems.add(line.number(), unknown_name_message("status", status, names));
}

MetricDef definition_in(const Line& line, const std::string& source, ImportProblems& problems) {
  MetricDef def;
  def.tag = line.text("metric");
  def.unit = line.text("unit");
  def.direction = static_cast<int>(whole_in(line, "direction", -1, 1, problems));
  def.convention = imported_convention(source, line.text("convention"));
  return def;
}

void read_value(CsvCell& cell, const Line& line, const std::string& source,
                ImportProblems& problems) {
  const std::string tag = line.text("metric");
  if (tag.empty()) {  // a line that only says a status
    if (line.text("value").empty()) return;
    problems.add(line.number(), "a value without a metric; name it in the column 'metric'");
    return;
  }
  const auto [known, added] = cell.lines.emplace(tag, line.number());
  if (!added) {
    problems.add(line.number(), fmt::format("repeats {} of the same cell (line {}); remove one, or "
                                            "tell them apart by seed or a parameter",
                                            tag, known->second));
    return;
  }
  MetricValue value;
  value.tag = tag;
  value.value = number_in(line, "value", problems);
  value.lo = number_in(line, "lo", problems);
  value.hi = number_in(line, "hi", problems);
  value.n = whole_in(line, "n", 0, kMostWhole, problems);
  if (!value.value) {
    value.null_reason = line.text("reason").empty() ? "no value in the file" : line.text("reason");
  }
  ImportedAttempt& measured = cell.cell.measured;
  measured.definitions.push_back(definition_in(line, source, problems));
  const std::string wrong = impossible_value(value, measured.definitions.back());
  if (!wrong.empty()) problems.add(line.number(), fmt::format("{}: {}", tag, wrong));
  measured.values.push_back(std::move(value));
}

/// "params.NAME"
bool is_parameter(const std::string& column) {
  return std::ranges::any_of(std::array{"params.", "suite."}, [&](std::string_view prefix) {
    return column.starts_with(prefix) && column.size() > prefix.size();
  });
}

void check_header(const CsvRecord& header, ImportProblems& problems) {
  const auto& known = known_columns();
  std::set<std::string> seen;
  for (const std::string& column : header.fields) {
    if (!seen.insert(column).second) {
      problems.add(1, fmt::format("column {} twice; remove one", quoted_name(column)));
    }
    if (!is_parameter(column) && std::find(known.begin(), known.end(), column) == known.end()) {
      problems.add(1, unknown_name_message("column", column, known) +
                          "; parameters are params.NAME and suite.NAME");
    }
  }
  for (const char* needed : {"model", "method", "suite", "metric", "value"}) {
    if (!seen.contains(needed)) problems.add(1, fmt::format("no column '{}'; add it", needed));
  }
}

/// A tag has one unit and one direction in the whole file.
void check_definitions(const std::vector<CsvCell>& cells, ImportProblems& problems) {
  std::map<std::pair<std::string, std::string>, const MetricDef*> known;
  for (const CsvCell& cell : cells) {
    for (const MetricDef& def : cell.cell.measured.definitions) {
      const auto [first, added] = known.emplace(std::pair{def.tag, def.convention}, &def);
      if (added || (first->second->unit == def.unit && first->second->direction == def.direction)) {
        continue;
      }
      problems.add(
          cell.lines.at(def.tag),
          fmt::format("{} has another unit or direction than in the lines before", def.tag));
    }
  }
}

std::vector<CsvCell> read_cells(const std::vector<CsvRecord>& records, const std::string& source,
                                const std::string& hash, ImportProblems& problems) {
  std::vector<CsvCell> cells;
  std::map<std::string, std::size_t> places;
  const CsvRecord& header = records.front();
  for (std::size_t i = 1; i < records.size(); ++i) {
    if (records[i].fields.size() != header.fields.size()) {
      problems.add(records[i].line, fmt::format("{} fields; the header has {}",
                                                records[i].fields.size(), header.fields.size()));
      continue;
    }
    const Line line(header, records[i]);
    PlannedCell planned = cell_in(line, hash, problems);
    const auto [place, added] = places.emplace(planned.key, cells.size());
    if (added) {
      cells.emplace_back();
      cells.back().cell.cell = std::move(planned);
    }
    CsvCell& cell = cells[place->second];
    read_status(cell.cell, line, problems);
    read_value(cell, line, source, problems);
  }
  return cells;
}

bool recognises(const ImportSource& source) { return !source.is_json(); }

void read(const ImportSource& source, ImportContent& content, ImportProblems& problems) {
  const std::vector<CsvRecord> records = parse_csv(source.text(), source.file().string());
  if (records.empty()) {
    throw UserError(source.file().string() + ": is empty; the first line names columns");
  }
  check_header(records.front(), problems);
  problems.refuse();
  std::vector<CsvCell> cells = read_cells(records, content.source, content.hash, problems);
  check_definitions(cells, problems);
  for (CsvCell& cell : cells) content.cells.push_back(std::move(cell.cell));
}

}  // namespace

ImportFormat import_format_csv() {
  return {"csv", "one value a line; docs/formats/report.md has the columns", recognises, read};
}

}  // namespace assay
