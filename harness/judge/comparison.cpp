#include "harness/judge/comparison.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "harness/base/text.h"
#include "harness/judge/instruments.h"
#include "harness/judge/items.h"
#include "harness/judge/match.h"
#include "harness/judge/times.h"
#include "harness/judge/values.h"
#include "harness/protocol/common_metrics.h"
#include "harness/stats/multiplicity.h"

namespace assay {
namespace {

/// Process medians, each over the processes that measured anything.
std::vector<double> medians_of(const MetricRecord& metric) {
  std::vector<double> medians;
  for (const ProcessSamples& process : metric.processes) {
    if (!process.values.empty()) medians.push_back(median(process.values));
  }
  return medians;
}

bool clean(const MetricRecord& metric) {
  for (const ProcessSamples& process : metric.processes) {
    for (const double value : process.values) {
      if (value != value) return false;
    }
  }
  return true;
}

/// A throughput beside raw times of the same cell says the same thing with less.
bool derived(const MetricRecord& metric, const CellRecord& cell) {
  const bool timed = std::any_of(cell.metrics.begin(), cell.metrics.end(),
                                 [](const MetricRecord& m) { return !m.processes.empty(); });
  return timed && metric.processes.empty() && metric.def.unit.ends_with("/s");
}

bool wanted(const MetricRecord& metric, const CellRecord& cell, const Rules& rules) {
  const std::string& tag = metric.def.tag;
  if (metric.def.direction == 0) return false;
  if (rules.metrics.empty()) {
    return !of_one_process(tag) && !tag.starts_with("acc/") && tag != kInstructionsTag &&
           !derived(metric, cell);
  }
  return std::any_of(rules.metrics.begin(), rules.metrics.end(), [&](const std::string& glob) {
    return ::fnmatch(glob.c_str(), tag.c_str(), 0) == 0;
  });
}

const MetricRecord* find_metric(const CellRecord& cell, const std::string& tag) {
  const auto found = std::find_if(cell.metrics.begin(), cell.metrics.end(),
                                  [&](const MetricRecord& m) { return m.def.tag == tag; });
  return found == cell.metrics.end() ? nullptr : &*found;
}

Judgement start(const MetricDef& def) {
  Judgement judgement;
  judgement.metric = def.tag;
  judgement.unit = def.unit;
  judgement.convention = def.convention;
  judgement.direction = def.direction;
  return judgement;
}

bool same_session(const CellRecord& a, const CellRecord& b) {
  return !a.session.empty() && a.session == b.session;
}

/// Medians of the twin, when each process of the cell has a neighbour there.
std::vector<double> twin_medians(const CellRecord& cell, const CellRecord* twin,
                                 const MetricRecord& metric) {
  if (twin == nullptr || twin->cell_key == cell.cell_key) return {};
  const MetricRecord* same = find_metric(*twin, metric.def.tag);
  if (same == nullptr || same->processes.size() != metric.processes.size() || !clean(*same)) {
    return {};
  }
  return medians_of(*same);
}

void judge_samples(Judgement& judgement, const CellRecord& cell_a, const MetricRecord& a,
                   const CellRecord& cell_b, const MetricRecord& b, const Rules& rules,
                   const Twins& twins) {
  if (!clean(a) || !clean(b)) {
    because(judgement, "bad_samples", "samples hold NaN");
    return;
  }
  const std::vector<double> left = medians_of(a);
  const std::vector<double> right = medians_of(b);
  const bool together = same_session(cell_a, cell_b);
  const std::vector<double> twin_left = twin_medians(cell_a, twins.a, a);
  const std::vector<double> twin_right = twin_medians(cell_b, twins.b, b);
  if (!together && rules.relative_to_twins && !twin_left.empty() && !twin_right.empty()) {
    judge_relative_times(judgement, {left, twin_left}, {right, twin_right}, judgement.direction,
                         rules);
    return;
  }
  judge_times(judgement, left, right, together && left.size() == right.size(), judgement.direction,
              rules);
}

/// Both sides have the metric, with one convention.
void judge_metric(Judgement& judgement, const CellRecord& cell_a, const MetricRecord& a,
                  const CellRecord& cell_b, const MetricRecord& b, const Rules& rules,
                  const Twins& twins) {
  judgement.a = a.summary.value;
  judgement.b = b.summary.value;
  if (!a.summary.value || !b.summary.value) {
    const MetricRecord& lacking = a.summary.value ? b : a;
    because(
        judgement, "no_value",
        fmt::format("{}: {}", a.summary.value ? "candidate" : "base", lacking.summary.null_reason));
    return;
  }
  const auto scale = scale_of(a, cell_a.items);
  if (!a.processes.empty() && !b.processes.empty()) {
    judge_samples(judgement, cell_a, a, cell_b, b, rules, twins);
  } else if (scale && scale == scale_of(b, cell_b.items)) {
    judge_items(judgement, pair_items(cell_a.items, cell_b.items, *scale), *scale,
                judgement.direction, rules);
    if (scale == ItemScale::kCorrect && judgement.effect) {
      judgement.flips = flips_of(cell_a.items, cell_b.items);
    }
  } else {
    judge_values(judgement, a, b, rules);
  }
}

Judgement judge_tag(const std::string& tag, const CellRecord& cell_a, const CellRecord& cell_b,
                    const Rules& rules, const Twins& twins) {
  const MetricRecord* a = find_metric(cell_a, tag);
  const MetricRecord* b = find_metric(cell_b, tag);
  Judgement judgement = start((a != nullptr ? a : b)->def);
  if (a == nullptr) return because(judgement, "missing_base", "the base has no such metric");
  if (b == nullptr) {
    return because(judgement, "missing_candidate", "the candidate has no such metric");
  }
  if (a->def.convention != b->def.convention || a->def.unit != b->def.unit ||
      a->def.direction != b->def.direction) {
    return because(judgement, "convention_differs",
                   fmt::format("base: '{}' [{}], candidate: '{}' [{}]", a->def.convention,
                               a->def.unit, b->def.convention, b->def.unit));
  }
  judge_metric(judgement, cell_a, *a, cell_b, *b, rules, twins);
  return judgement;
}

/// Method and suite names, with their parameters where one name has several.
class Names {
 public:
  void add(const std::vector<CellRecord>& cells) {
    for (const CellRecord& cell : cells) {
      methods_[cell.method].insert(cell.params);
      suites_[cell.suite].insert(cell.suite_params);
      seeds_.insert(cell.seed);
    }
  }
  [[nodiscard]] std::string method(const CellRecord& cell) const {
    const std::string seed = seeds_.size() > 1 ? fmt::format(" seed={}", cell.seed) : "";
    return named(methods_, cell.method, cell.params) + seed;
  }
  [[nodiscard]] std::string suite(const CellRecord& cell) const {
    return named(suites_, cell.suite, cell.suite_params);
  }

 private:
  using Sets = std::map<std::string, std::set<std::string>>;
  static std::string named(const Sets& sets, const std::string& name, const std::string& params) {
    return sets.at(name).size() > 1 ? name + " " + params : name;
  }
  Sets methods_, suites_;
  std::set<std::int64_t> seeds_;
};

ComparedRow row_of(const CellPair& pair, const Names& names) {
  const CellRecord& cell = pair.b != nullptr ? *pair.b : *pair.a;
  ComparedRow row;
  row.model = cell.model;
  row.suite = names.suite(cell);
  row.method = names.method(cell);
  if (pair.a != nullptr && names.method(*pair.a) != row.method) {
    row.method = names.method(*pair.a) + " -> " + row.method;
  }
  row.profile = cell.profile;
  row.cell_key = cell.cell_key;
  row.limited = cell.limited || (pair.a != nullptr && pair.a->limited);
  return row;
}

std::string status_of(const CellRecord& cell) {
  return cell.reason.empty() ? cell.status : cell.status + ": " + cell.reason;
}

/// Why the pair cannot be compared at all; nothing when it can.
std::optional<Reason> obstacle(const CellPair& pair, const CompareOptions& options) {
  if (pair.a == nullptr) return Reason{"missing_base", "the base has no such cell"};
  if (pair.b == nullptr) return Reason{"missing_candidate", "the candidate has no such cell"};
  const auto differences =
      key_differences(pair.a->key_doc, pair.b->key_doc, options.across_methods);
  if (!differences.empty()) return Reason{"key_differs", join(differences, "; ")};
  if (pair.a->status != "OK") return Reason{"not_ok", "base " + status_of(*pair.a)};
  if (pair.b->status != "OK") return Reason{"not_ok", "candidate " + status_of(*pair.b)};
  return std::nullopt;
}

bool both_unmet(const CellPair& pair) {
  return pair.a != nullptr && pair.b != nullptr && pair.a->status == "UNMET" &&
         pair.b->status == "UNMET";
}

/// Neither side could give a value (no meter, too few tokens): nothing to compare, nothing lost.
bool without_value(const Judgement& judgement) {
  return has_reason(judgement, "no_value") && !judgement.a && !judgement.b;
}

/// The dense cell that was timed next to this one.
const CellRecord* twin_among(const std::vector<CellRecord>& cells, const CellRecord* cell) {
  if (cell == nullptr || cell->twin_key.empty()) return nullptr;
  const auto found = std::find_if(cells.begin(), cells.end(), [&](const CellRecord& other) {
    return other.cell_key == cell->twin_key && other.status == "OK" && same_session(other, *cell);
  });
  return found == cells.end() ? nullptr : &*found;
}

void add_rows(const CellPair& pair, const Twins& twins, const Names& names,
              const CompareOptions& options, Comparison& comparison) {
  ComparedRow row = row_of(pair, names);
  const auto reason = obstacle(pair, options);
  if (reason) {
    row.counts = !both_unmet(pair);
    row.judgement.reasons.push_back(*reason);
    comparison.rows.push_back(row);
    return;
  }
  for (Judgement& judgement : judge_cell(*pair.a, *pair.b, comparison.rules, twins)) {
    row.judgement = std::move(judgement);
    row.counts = !without_value(row.judgement);
    comparison.rows.push_back(row);
  }
}

void correct_for_many(Comparison& comparison) {
  std::vector<double> p_values;
  for (const ComparedRow& row : comparison.rows) {
    if (row.judgement.test) p_values.push_back(row.judgement.test->p);
  }
  const std::vector<double> adjusted = holm_adjusted(p_values);
  std::size_t next = 0;
  for (ComparedRow& row : comparison.rows) {
    if (row.judgement.test) row.judgement.p_holm = adjusted[next++];
  }
}

/// The candidate with the processes of both rounds, as of one session that is neither's: cells are
/// still pairs with each other, process by process, but with nothing of the base.
std::vector<CellRecord> both_rounds(std::vector<CellRecord> first,
                                    const std::vector<CellRecord>& second) {
  for (CellRecord& cell : first) {
    const auto again = std::find_if(second.begin(), second.end(), [&](const CellRecord& other) {
      return other.cell_key == cell.cell_key;
    });
    if (again == second.end() || again->attempt == cell.attempt) continue;
    cell.session += "+" + again->session;
    for (MetricRecord& metric : cell.metrics) {
      const MetricRecord* more = find_metric(*again, metric.def.tag);
      if (more == nullptr) continue;
      metric.processes.insert(metric.processes.end(), more->processes.begin(),
                              more->processes.end());
    }
  }
  return first;
}

const ComparedRow* same_row(const Comparison& comparison, const ComparedRow& wanted) {
  const auto found =
      std::find_if(comparison.rows.begin(), comparison.rows.end(), [&](const ComparedRow& row) {
        return row.cell_key == wanted.cell_key && row.judgement.metric == wanted.judgement.metric;
      });
  return found == comparison.rows.end() ? nullptr : &*found;
}

}  // namespace

std::vector<Judgement> judge_cell(const CellRecord& a, const CellRecord& b, const Rules& rules,
                                  const Twins& twins) {
  std::vector<std::string> tags;
  for (const CellRecord* cell : {&a, &b}) {
    for (const MetricRecord& metric : cell->metrics) {
      const bool known = std::find(tags.begin(), tags.end(), metric.def.tag) != tags.end();
      if (!known && wanted(metric, *cell, rules)) tags.push_back(metric.def.tag);
    }
  }
  std::vector<Judgement> judgements;
  for (const std::string& tag : tags) judgements.push_back(judge_tag(tag, a, b, rules, twins));
  const bool counted =
      find_metric(a, kInstructionsTag) != nullptr && find_metric(b, kInstructionsTag) != nullptr;
  if (counted) {
    hold_against_count(judgements, [&] { return judge_tag(kInstructionsTag, a, b, rules, twins); });
  }
  return judgements;
}

Comparison compare_cells(const std::vector<CellRecord>& a, const std::vector<CellRecord>& b,
                         const Rules& rules, const CompareOptions& options) {
  Comparison comparison;
  comparison.rules = rules;
  Names names;
  names.add(a);
  names.add(b);
  for (const CellPair& pair : match_cells(a, b, options.across_methods)) {
    const bool lonely = pair.a == nullptr || pair.b == nullptr;
    if (lonely && options.only_common) continue;
    add_rows(pair, {twin_among(a, pair.a), twin_among(b, pair.b)}, names, options, comparison);
  }
  correct_for_many(comparison);
  return comparison;
}

std::string ComparedRow::name() const {
  return fmt::format("{}/{}/{}", suite, method, judgement.metric.empty() ? "-" : judgement.metric);
}

void waive(Comparison& comparison, const std::vector<Waiver>& waivers) {
  for (const Waiver& waiver : waivers) {
    bool used = false;
    for (ComparedRow& row : comparison.rows) {
      if (::fnmatch(waiver.rows.c_str(), row.name().c_str(), 0) != 0) continue;
      row.waived = waiver.reason;
      used = true;
    }
    if (used) continue;
    std::vector<std::string> names;
    for (const ComparedRow& row : comparison.rows) names.push_back(row.name());
    throw UserError(fmt::format("--waive '{}': no row has that name; remove it, or name one of: {}",
                                waiver.rows, join(names, ", ")));
  }
}

bool wants_confirmation(const ComparedRow& row) {
  return row.judgement.verdict == Verdict::kWorse && row.judgement.timed &&
         !row.judgement.confirmed;
}

Comparison confirm(const Comparison& comparison, const std::vector<CellRecord>& a,
                   const std::vector<CellRecord>& first, const std::vector<CellRecord>& second) {
  const Comparison alone = compare_cells(a, second, comparison.rules);
  const Comparison together = compare_cells(a, both_rounds(first, second), comparison.rules);
  Comparison result = comparison;
  for (ComparedRow& row : result.rows) {
    if (!wants_confirmation(row)) continue;
    const ComparedRow* again = same_row(alone, row);
    const ComparedRow* both = same_row(together, row);
    if (again == nullptr || both == nullptr || !again->judgement.effect) {
      row.judgement.verdict = Verdict::kAmbiguous;
      because(row.judgement, "confirmation_failed", "the second round could not be measured");
      continue;
    }
    row.judgement = confirmed(row.judgement, again->judgement, both->judgement);
  }
  correct_for_many(result);
  return result;
}

std::size_t count_of(const Comparison& comparison, Verdict verdict) {
  return static_cast<std::size_t>(
      std::count_if(comparison.rows.begin(), comparison.rows.end(), [&](const ComparedRow& row) {
        return row.counts && row.waived.empty() && row.judgement.verdict == verdict;
      }));
}

std::size_t waived_count(const Comparison& comparison) {
  return static_cast<std::size_t>(
      std::count_if(comparison.rows.begin(), comparison.rows.end(),
                    [](const ComparedRow& row) { return row.counts && !row.waived.empty(); }));
}

ExitCode exit_code_of(const Comparison& comparison, bool allow_ambiguous) {
  if (count_of(comparison, Verdict::kWorse) > 0) return ExitCode::kWorse;
  const bool any = std::any_of(comparison.rows.begin(), comparison.rows.end(),
                               [](const ComparedRow& row) { return row.counts; });
  if (!any || count_of(comparison, Verdict::kNotMeasured) > 0) return ExitCode::kNotMeasured;
  if (count_of(comparison, Verdict::kAmbiguous) > 0 && !allow_ambiguous) {
    return ExitCode::kAmbiguous;
  }
  return ExitCode::kOk;
}

}  // namespace assay
