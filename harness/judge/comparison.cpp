#include "harness/judge/comparison.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "harness/base/text.h"
#include "harness/judge/gate.h"
#include "harness/judge/match.h"
#include "harness/judge/times.h"
#include "harness/stats/multiplicity.h"

namespace assay {
namespace {

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
  row.remarks = side_remarks(pair.a, pair.b);
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

/// What the base lacks cannot have got worse (no meter then, too few tokens, a metric that is new):
/// there is nothing to compare and nothing lost, unless somebody asked for this metric.
bool nothing_lost(const Judgement& judgement, const Rules& rules) {
  const bool lacking = has_reason(judgement, "missing_base") || has_reason(judgement, "no_value");
  return lacking && !judgement.a && (rules.metrics.empty() || !judgement.b);
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
    row.counts = !nothing_lost(row.judgement, comparison.rules);
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

/// `alone`: the row by the second round, `together`: by both.
void judge_again(ComparedRow& row, const ComparedRow* alone, const ComparedRow* together) {
  const bool was_worse = row.judgement.verdict == Verdict::kWorse;
  const bool measured = alone != nullptr && together != nullptr && alone->judgement.effect;
  if (measured && (was_worse || together->judgement.verdict == Verdict::kWorse)) {
    row.judgement = confirmed(row.judgement, alone->judgement, together->judgement);
  } else if (measured) {
    row.judgement = together->judgement;
  } else if (was_worse) {
    row.judgement.verdict = Verdict::kAmbiguous;
    because(row.judgement, "confirmation_failed", "the second round could not be measured");
  }
}

}  // namespace

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

bool wants_second_round(const ComparedRow& row) {
  const bool undecided = row.judgement.verdict == Verdict::kAmbiguous && row.judgement.timed;
  return wants_confirmation(row) || undecided;
}

Comparison confirm(const Comparison& comparison, const std::vector<CellRecord>& a,
                   const std::vector<CellRecord>& first, const std::vector<CellRecord>& second) {
  const Comparison alone = compare_cells(a, second, comparison.rules);
  const Comparison together = compare_cells(a, both_rounds(first, second), comparison.rules);
  Comparison result = comparison;
  for (ComparedRow& row : result.rows) {
    if (wants_second_round(row)) judge_again(row, same_row(alone, row), same_row(together, row));
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
  const bool undecided =
      std::any_of(comparison.rows.begin(), comparison.rows.end(), [](const ComparedRow& row) {
        return row.counts && row.waived.empty() && hints_at_loss(row.judgement);
      });
  return undecided && !allow_ambiguous ? ExitCode::kAmbiguous : ExitCode::kOk;
}

}  // namespace assay
