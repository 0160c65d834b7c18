#include "harness/judge/judge_cell.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>

#include "harness/judge/identical.h"
#include "harness/judge/instruments.h"
#include "harness/judge/items.h"
#include "harness/judge/times.h"
#include "harness/judge/values.h"
#include "harness/protocol/common_metrics.h"

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

Judgement start(const MetricDef& def) {
  Judgement judgement;
  judgement.metric = def.tag;
  judgement.unit = def.unit;
  judgement.convention = def.convention;
  judgement.direction = def.direction;
  return judgement;
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

/// Of a metric that is made from items, by these items where both sides have stored them.
void judge_scores(Judgement& judgement, const CellRecord& cell_a, const MetricRecord& a,
                  const CellRecord& cell_b, const MetricRecord& b, const Rules& rules) {
  const std::string& value = a.def.item_value;
  const ItemPairs pairs = pair_items(cell_a.items, cell_b.items, value);
  if (!pairs.stored) {
    because(judgement, "items_not_stored",
            fmt::format("the items of a side hold no '{}', so that they cannot be paired", value));
    judge_values(judgement, a, b, rules);
    return;
  }
  judge_items(judgement, pairs, a.def.basis, judgement.direction, rules);
  if (value == "correct" && judgement.effect) {
    judgement.flips = flips_of(cell_a.items, cell_b.items);
  }
}

/// Processes, or what the summary counts.
std::size_t count_behind(const MetricRecord& metric) {
  return metric.processes.empty() ? static_cast<std::size_t>(metric.summary.n)
                                  : metric.processes.size();
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
  if (same_measurement(cell_a, a, cell_b, b)) {
    judgement.n_a = judgement.n_b = count_behind(a);
    call_identical(judgement, a.def.basis == Basis::kShare);
  } else if (!a.processes.empty() && !b.processes.empty()) {
    judge_samples(judgement, cell_a, a, cell_b, b, rules, twins);
  } else if (of_items(a.def.basis)) {
    judge_scores(judgement, cell_a, a, cell_b, b, rules);
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
  // The newer side may be the first to declare what the metric rests on.
  MetricRecord base = *a;
  if (base.def.basis == Basis::kUndeclared) base.def = b->def;
  judge_metric(judgement, cell_a, base, cell_b, *b, rules, twins);
  return judgement;
}

}  // namespace

const MetricRecord* find_metric(const CellRecord& cell, const std::string& tag) {
  const auto found = std::find_if(cell.metrics.begin(), cell.metrics.end(),
                                  [&](const MetricRecord& m) { return m.def.tag == tag; });
  return found == cell.metrics.end() ? nullptr : &*found;
}

bool same_session(const CellRecord& a, const CellRecord& b) {
  return !a.session.empty() && a.session == b.session;
}

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

}  // namespace assay
