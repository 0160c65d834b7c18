#include "harness/store/import_csv.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <map>
#include <optional>
#include <set>

#include "harness/base/clock.h"
#include "harness/base/errors.h"
#include "harness/base/files.h"
#include "harness/base/hashing.h"
#include "harness/base/numbers.h"
#include "harness/base/text.h"
#include "harness/protocol/metric_range.h"
#include "harness/store/csv.h"
#include "harness/store/report_records.h"

namespace assay {
namespace {

const std::vector<std::string>& known_columns() {
  static const std::vector<std::string> kNames = {
      "model", "method", "suite", "metric", "value", "params", "suite_params", "unit", "direction",
      "convention", "seed", "lo", "hi", "n", "random_weights", "limited", "status", "reason",
      // Of our own CSV; made anew or without meaning for what comes from elsewhere.
      "experiment", "profile", "twin_value", "ratio", "cell_key", "best", "remarks"};
  return kNames;
}

constexpr std::int64_t kMostWhole = 1'000'000'000'000'000;  // a double holds each

struct CsvProblems {
  static constexpr std::size_t kMost = 100;  // nobody reads more
  std::string file, text;
  std::size_t count = 0;
  void add(std::size_t line, const std::string& what) {
    if (++count < kMost) {
      text += fmt::format("{}{}:{}: {}", text.empty() ? "" : "\n", file, line, what);
    } else if (count == kMost) {
      text += "\nand more; these first";
    }
  }
};

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
                                CsvProblems& problems) {
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
                      std::int64_t most, CsvProblems& problems) {
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
               CsvProblems& problems) {
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

struct ImportedCell {
  PlannedCell cell;
  OutcomeReason outcome{Outcome::kOk, "", ""};
  std::vector<MetricValue> values;
  std::vector<MetricDef> definitions;
  std::map<std::string, std::size_t> lines;  ///< of each metric
};

/// Spreadsheets write TRUE, people yes.
bool flag_in(const Line& line, const std::string& column, CsvProblems& problems) {
  std::string text = line.text(column);
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
  if (text == "true" || text == "yes" || text == "1") return true;
  if (text.empty() || text == "false" || text == "no" || text == "0") return false;
  problems.add(line.number(), fmt::format("{} = {}; allowed: true, yes, 1, false, no, 0", column,
                                          quoted_name(line.text(column))));
  return false;
}

PlannedCell cell_in(const Line& line, const std::string& hash, CsvProblems& problems) {
  PlannedCell cell;
  for (const char* column : {"model", "method", "suite"}) {
    if (line.text(column).empty()) {
      problems.add(line.number(), fmt::format("{} is empty; every line needs one", column));
    }
  }
  const Json params = params_in(line, "params", "params.", problems);
  const Json suite_params = params_in(line, "suite_params", "suite.", problems);
  cell.model_name = line.text("model");
  cell.model_hash = "imported:" + hash;
  cell.method = line.text("method");
  cell.params_json = canonical_json(params);
  cell.suite = line.text("suite");
  cell.suite_params_json = canonical_json(suite_params);
  cell.profile = kImportedProfile;
  cell.seed = static_cast<std::uint64_t>(whole_in(line, "seed", 0, kMostWhole, problems));
  cell.random_weights = flag_in(line, "random_weights", problems);
  cell.limited = flag_in(line, "limited", problems);
  cell.key_doc = {{"imported",
                   {{"file", hash},
                    {"model", cell.model_name},
                    {"method", cell.method},
                    {"params", params},
                    {"suite", cell.suite},
                    {"suite_params", suite_params},
                    {"seed", cell.seed}}}};
  cell.key = json_hash(cell.key_doc);
  return cell;
}

void read_status(ImportedCell& cell, const Line& line, CsvProblems& problems) {
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

MetricDef definition_in(const Line& line, const std::string& source, CsvProblems& problems) {
  MetricDef def;
  def.tag = line.text("metric");
  def.unit = line.text("unit");
  def.convention = "imported from " + source;
  def.direction = static_cast<int>(whole_in(line, "direction", -1, 1, problems));
  // A convention of the file stays readable, and is never the one of a measured value.
  if (!line.text("convention").empty()) def.convention += ": " + line.text("convention");
  return def;
}

/// What no measurement can have said.
void check_value(const MetricValue& value, const MetricDef& def, const Line& line,
                 CsvProblems& problems) {
  const auto refuse = [&](const std::string& what) {
    problems.add(line.number(), fmt::format("{}: {}", value.tag, what));
  };
  if (!value.value) {
    if (line.text("value").empty() && (value.lo || value.hi))
      refuse("an interval without a value; leave lo and hi empty");
    return;
  }
  const MetricRange range =
      def.unit == "%" ? MetricRange{.least = 0, .most = 100} : range_of(def.tag, def.unit);
  if (!range.holds(*value.value)) {
    refuse(fmt::format("value is {}; allowed: {} to {}", *value.value, range.least, range.most));
  }
  if (value.lo.has_value() != value.hi.has_value()) {
    refuse("an interval needs both lo and hi; give both, or leave both empty");
  } else if (value.lo && (*value.lo > *value.value || *value.value > *value.hi)) {
    refuse(fmt::format("the interval {} to {} does not hold the value {}", *value.lo, *value.hi,
                       *value.value));
  }
}

void read_value(ImportedCell& cell, const Line& line, const std::string& source,
                CsvProblems& problems) {
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
  cell.definitions.push_back(definition_in(line, source, problems));
  check_value(value, cell.definitions.back(), line, problems);
  cell.values.push_back(std::move(value));
}

/// "params.NAME"
bool is_parameter(const std::string& column) {
  return std::ranges::any_of(std::array{"params.", "suite."}, [&](std::string_view prefix) {
    return column.starts_with(prefix) && column.size() > prefix.size();
  });
}

void check_header(const CsvRecord& header, CsvProblems& problems) {
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
void check_definitions(const std::vector<ImportedCell>& cells, CsvProblems& problems) {
  std::map<std::pair<std::string, std::string>, const MetricDef*> known;
  for (const ImportedCell& cell : cells) {
    for (const MetricDef& def : cell.definitions) {
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

std::vector<ImportedCell> read_cells(const std::vector<CsvRecord>& records,
                                     const std::string& source, const std::string& hash,
                                     CsvProblems& problems) {
  std::vector<ImportedCell> cells;
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
      planned.ordinal = static_cast<std::int64_t>(cells.size());
      cells.emplace_back();
      cells.back().cell = std::move(planned);
    }
    ImportedCell& cell = cells[place->second];
    read_status(cell, line, problems);
    read_value(cell, line, source, problems);
  }
  return cells;
}

void store_cell(Store& store, std::int64_t experiment, const ImportedCell& cell,
                const std::string& session) {
  const std::int64_t attempt = store.begin_attempt(experiment, cell.cell.key, session);
  if (cell.outcome.outcome == Outcome::kOk) {
    store.add_metrics(attempt, cell.values, cell.definitions);
  }
  store.finish_attempt(attempt, cell.outcome);
}

}  // namespace

struct ImportedFile::Content {
  std::string source, hash;
  std::vector<ImportedCell> cells;
};

ImportedFile::ImportedFile(std::unique_ptr<const Content> content) : content_(std::move(content)) {}
ImportedFile::ImportedFile(ImportedFile&&) noexcept = default;
ImportedFile::~ImportedFile() = default;

ImportedFile read_import(const std::filesystem::path& file) {
  return read_import_text(read_text_file(file), file);
}

ImportedFile read_import_text(std::string_view text, const std::filesystem::path& file) {
  const std::vector<CsvRecord> records = parse_csv(text, file.string());
  CsvProblems problems{file.string(), ""};
  if (records.empty()) throw UserError(file.string() + ": is empty; the first line names columns");
  check_header(records.front(), problems);
  if (!problems.text.empty()) throw UserError(problems.text);
  auto content = std::make_unique<ImportedFile::Content>();
  content->hash = sha256_hex(text);
  // With the hash, two files of one name never share a convention.
  content->source = fmt::format("{} ({})", file.filename().string(), content->hash.substr(0, 8));
  content->cells = read_cells(records, content->source, content->hash, problems);
  check_definitions(content->cells, problems);
  if (!problems.text.empty()) throw UserError(problems.text);
  return ImportedFile(std::move(content));
}

ImportCounts store_import(Store& store, const ImportedFile& file, const std::string& experiment) {
  const auto& [source, hash, cells] = file.content();
  std::vector<PlannedCell> plan;
  bool limited = false;
  for (const ImportedCell& cell : cells) {
    plan.push_back(cell.cell);
    limited = limited || cell.cell.limited;
  }
  const Json config = {{"title", "Imported from " + source},
                       {"imported", {{"file", source}, {"sha256", hash}}}};
  const std::int64_t id = store.add_experiment(experiment, config, 0, limited, plan);
  const std::string session = new_uuid();
  ImportCounts counts{cells.size(), 0, 0};
  for (const ImportedCell& cell : cells) {
    if (!store.reuse(id, cell.cell.key)) store_cell(store, id, cell, session);
    const auto values = std::count_if(cell.values.begin(), cell.values.end(),
                                      [](const MetricValue& value) { return value.value; });
    counts.values += static_cast<std::size_t>(values);
    counts.gaps += cell.values.size() - static_cast<std::size_t>(values);
    if (cell.values.empty()) ++counts.gaps;
  }
  return counts;
}

}  // namespace assay
