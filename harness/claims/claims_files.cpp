// Reads the claims of all papers. A [[table]] gives its rows what they do not say themselves.

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "harness/base/errors.h"
#include "harness/base/files.h"
#include "harness/base/text.h"
#include "harness/claims/metrics_file.h"

namespace assay {
namespace fs = std::filesystem;
namespace {

void take_text(TableReader& reader, const char* key, std::string& target) {
  if (auto text = reader.text(key)) target = *text;
}

void take_count(TableReader& reader, const char* key, std::optional<std::int64_t>& target,
                std::int64_t least) {
  if (const auto count = reader.integer(key, least)) target = count;
}

void take_object(TableReader& reader, const char* key, std::optional<Json>& target) {
  const toml::node* node = reader.take(key);
  if (node == nullptr) return;
  auto object = node->is_table() ? json_of(*node) : std::nullopt;
  if (object) {
    target = std::move(object);
  } else {
    reader.refuse(key, *node, "a table of plain values");
  }
}

void take_calibration(TableReader& reader, Claim& claim) {
  auto table = reader.table("calibration", "calibration");
  if (!table) return;
  Json calibration = {{"dataset", table->required_text("dataset")}};
  for (const char* key : {"samples", "tokens"}) {
    if (const auto count = table->integer(key, 1)) calibration[key] = *count;
  }
  table->finish();
  claim.calibration = std::move(calibration);
}

/// Either an id or words: the last one written replaces the other.
void take_metric(TableReader& reader, Claim& claim) {
  const auto id = reader.text("metric");
  const auto words = reader.text("metric_text");
  if (id && words) {
    reader.problem(reader.place("metric_text"), "give either 'metric' or 'metric_text'");
  }
  if (id || words) {
    claim.metric = id.value_or("");
    claim.metric_text = words.value_or("");
  }
  take_text(reader, "metric_note", claim.metric_note);
}

void take_evidence(TableReader& reader, Claim& claim) {
  static const std::map<std::string, Grade> kGrades = {{"verified", Grade::kVerified},
                                                       {"secondary", Grade::kSecondary},
                                                       {"recalled", Grade::kRecalled},
                                                       {"unknown", Grade::kUnknown}};
  if (const auto word = reader.word("evidence", {"verified", "secondary", "recalled", "unknown"})) {
    claim.grade = kGrades.at(*word);
  }
}

void take_regime(TableReader& reader, Claim& claim) {
  if (reader.word("comparison", {"informational"})) claim.informational = true;
  if (const auto word = reader.word("weights", {"random", "trained"})) {
    claim.random_weights = word == "random";
  }
  if (const auto word = reader.word("regime", {"in-memory", "offload"})) {
    claim.offloaded = word == "offload";
  }
  if (const auto word = reader.word("device", {"cpu", "cuda"})) claim.device = *word;
  take_text(reader, "stack", claim.stack);
  take_text(reader, "hardware", claim.hardware);
  take_count(reader, "shots", claim.shots, 0);
  take_count(reader, "batch", claim.batch, 1);
  take_count(reader, "prompt_tokens", claim.prompt_tokens, 1);
  take_count(reader, "new_tokens", claim.new_tokens, 1);
}

/// What a row and the head of its table may both say.
void take_shared(TableReader& reader, Claim& claim) {
  take_text(reader, "model", claim.model);
  take_text(reader, "dataset", claim.dataset);
  take_metric(reader, claim);
  take_text(reader, "setting", claim.setting);
  take_text(reader, "method", claim.method);
  take_object(reader, "params", claim.params);
  take_calibration(reader, claim);
  take_text(reader, "unit", claim.unit);
  take_text(reader, "source", claim.source);
  take_evidence(reader, claim);
  take_text(reader, "baseline", claim.baseline);
  take_text(reader, "against", claim.against);
  take_text(reader, "denominator", claim.denominator);
  take_regime(reader, claim);
}

std::optional<PublishedValue> read_range(TableReader& row) {
  const toml::node* node = row.take("range");
  if (node == nullptr) return std::nullopt;
  const auto* ends = node->as_array();
  if (ends != nullptr && ends->size() == 2) {
    const auto lo = (*ends)[0].value<double>(), hi = (*ends)[1].value<double>();
    if (lo && hi && *lo <= *hi) return PublishedValue{PublishedValue::Kind::kRange, *lo, *hi, ""};
  }
  row.refuse("range", *node, "[LOWEST, HIGHEST]");
  return PublishedValue{};
}

void read_value(TableReader& row, Claim& claim) {
  using Kind = PublishedValue::Kind;
  std::vector<PublishedValue> found;
  if (const auto v = finite_number(row, "value")) found.push_back({Kind::kNumber, *v, *v, ""});
  if (const auto range = read_range(row)) found.push_back(*range);
  if (const auto v = finite_number(row, "below")) found.push_back({Kind::kBelow, 0, *v, ""});
  if (const auto v = finite_number(row, "above")) found.push_back({Kind::kAbove, *v, 0, ""});
  if (const auto text = row.text("text")) found.push_back({Kind::kText, 0, 0, *text});
  if (found.size() == 1) claim.value = found.front();
  const bool may_lack = claim.grade == Grade::kUnknown;
  if (found.size() > 1 || (found.empty() && !may_lack)) {
    row.problem(row.place(),
                row.what() + " needs one of 'value', 'range', 'below', 'above' and 'text'" +
                    (found.empty() ? "; only evidence = \"unknown\" may leave it out" : ""));
  }
}

void check_complete(TableReader& row, const Claim& claim) {
  const std::map<std::string, const std::string*> needed = {{"model", &claim.model},
                                                            {"dataset", &claim.dataset},
                                                            {"setting", &claim.setting},
                                                            {"method", &claim.method},
                                                            {"source", &claim.source}};
  for (const auto& [key, value] : needed) {
    if (!value->empty()) continue;
    row.problem(row.place(), fmt::format("{} has no key '{}'; write it in the row or in its "
                                         "[[table]]",
                                         row.what(), key));
  }
  if (claim.metric.empty() && claim.metric_text.empty()) {
    row.problem(row.place(), row.what() + " has neither 'metric' nor 'metric_text'");
  }
}

void check_metric(TableReader& row, const Claim& claim, const ClaimSet& claims) {
  if (claim.metric.empty()) return;
  const ClaimMetric* metric = claims.metric_of(claim);
  if (metric == nullptr) {
    std::vector<std::string> known;
    for (const ClaimMetric& one : claims.metrics) known.push_back(one.id);
    row.problem(
        row.place("metric"),
        fmt::format("{}: {}", row.what(), unknown_name_message("metric", claim.metric, known)));
    return;
  }
  if (metric->kind == MetricKind::kSpeedup && claim.baseline.empty() && claim.against.empty()) {
    row.problem(row.place(), row.what() + " is a ratio and needs 'baseline' or 'against'");
  }
  if (metric->kind == MetricKind::kReduction && claim.denominator.empty()) {
    row.problem(row.place(), row.what() + " is a reduction and needs 'denominator'");
  }
}

void read_row(TableReader& row, Claim claim, const ClaimSet& claims, Paper& paper) {
  claim.id = row.required_text("id");
  claim.place = row.place();
  row.rename("claim '" + claim.id + "'");
  take_shared(row, claim);
  read_value(row, claim);
  check_complete(row, claim);
  check_metric(row, claim, claims);
  row.finish();
  paper.claims.push_back(std::move(claim));
}

void read_table(TableReader& table, const ClaimSet& claims, Paper& paper) {
  Claim defaults;
  take_shared(table, defaults);
  std::vector<TableReader> rows = table.tables("rows");
  if (rows.empty()) table.problem(table.place(), "[[table]] has no rows; add rows = [ {...} ]");
  for (TableReader& row : rows) {
    if (!table.node().contains("evidence") && !row.node().contains("evidence")) {
      row.problem(row.place(), "a row has no key 'evidence'; write it in the row or its [[table]]");
    }
    read_row(row, defaults, claims, paper);
  }
  table.finish();
}

void read_model_names(TableReader& reader, Paper& paper) {
  auto table = reader.table("model_names", "[model_names]");
  if (!table) return;
  for (const std::string& name : table->keys()) {
    if (auto folders = table->texts(name)) paper.model_names[name] = *folders;
  }
}

void check_references(TableReader& reader, const Paper& paper) {
  std::set<std::string> ids, models;
  for (const Claim& claim : paper.claims) {
    ids.insert(claim.id);
    models.insert(claim.model);
  }
  for (const Claim& claim : paper.claims) {
    if (claim.baseline.empty() || ids.contains(claim.baseline)) continue;
    reader.problem(claim.place, fmt::format("claim '{}': {}", claim.id,
                                            unknown_name_message("baseline", claim.baseline,
                                                                 {ids.begin(), ids.end()})));
  }
  for (const auto& [name, folders] : paper.model_names) {
    if (models.contains(name)) continue;
    reader.problem(
        reader.place("model_names"),
        unknown_name_message("model of this file", name, {models.begin(), models.end()}));
  }
}

/// The folder's name for a method's file, else the file's.
std::string expected_name(const fs::path& file) {
  return file.filename() == "claims.toml" ? file.parent_path().filename().string()
                                          : file.stem().string();
}

void read_paper(const TomlDocument& document, Problems& problems, ClaimSet& claims) {
  TableReader reader(document.root, document.file, fs::path(document.file).filename().string(),
                     problems);
  Paper paper;
  paper.name = reader.required_text("paper");
  const std::string expected = expected_name(document.file);
  if (!paper.name.empty() && paper.name != expected) {
    reader.problem(reader.place("paper"), fmt::format("paper = '{}', but the file is that of '{}'; "
                                                      "give both the same name",
                                                      paper.name, expected));
  }
  paper.title = reader.required_text("title");
  paper.reference = reader.required_text("reference");
  paper.aliases = reader.texts("aliases").value_or(std::vector<std::string>{});
  paper.note = reader.text("note").value_or("");
  for (TableReader& table : reader.tables("table")) read_table(table, claims, paper);
  read_model_names(reader, paper);
  check_references(reader, paper);
  reader.finish();
  claims.papers.push_back(std::move(paper));
}

std::vector<fs::path> paper_files(const fs::path& share) {
  std::vector<fs::path> files = files_of_folder(share / "claims" / "papers", ".toml");
  for (const fs::path& method : entries_of_folder(share / "methods")) {
    std::error_code error;
    if (fs::exists(method / "claims.toml", error)) files.push_back(method / "claims.toml");
  }
  std::sort(files.begin(), files.end());
  return files;
}

template <typename Read>
void with_document(const fs::path& path, Problems& problems, Read read) {
  try {
    read(TomlDocument(path));
  } catch (const UserError& error) {
    problems.add_line(path.string(), error.what());
  }
}

void check_unique(const ClaimSet& claims, Problems& problems) {
  std::map<std::string, SourcePlace> first;
  for (const Paper& paper : claims.papers) {
    for (const Claim& claim : paper.claims) {
      const auto [place, fresh] = first.emplace(claim.id, claim.place);
      if (fresh || claim.id.empty()) continue;
      problems.add(claim.place, fmt::format("claim '{}' is already at {}; give it another id",
                                            claim.id, place->second.text()));
    }
  }
}

}  // namespace

ClaimSet read_claims(const fs::path& share) {
  ClaimSet claims;
  Problems problems;
  with_document(share / "claims" / "metrics.toml", problems, [&](const TomlDocument& document) {
    read_metrics_file(document, problems, claims);
  });
  for (const fs::path& path : paper_files(share)) {
    with_document(path, problems,
                  [&](const TomlDocument& document) { read_paper(document, problems, claims); });
  }
  check_unique(claims, problems);
  problems.throw_if_any();
  std::sort(claims.papers.begin(), claims.papers.end(),
            [](const Paper& a, const Paper& b) { return a.name < b.name; });
  return claims;
}

}  // namespace assay
