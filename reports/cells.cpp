#include "reports/cells.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <unordered_map>

#include "reports/headlines.h"

namespace assay {
namespace {

constexpr char kBetween = '\x1f';

/// What a cell answers, without the method.
std::string question(const ResultRow& row) {
  return fmt::format("{1}{0}{2}{0}{3}{0}{4}{0}{5}", kBetween, row.model, row.profile, row.suite,
                     row.suite_params, row.seed);
}

std::string metric_key(const ResultRow& row) {
  return fmt::format("{1}{0}{2}{0}{3}", kBetween, question(row), row.metric, row.convention);
}

std::string arm_key(const ResultRow& row) {
  return fmt::format("{1}{0}{2}{0}{3}", kBetween, row.method, row.params, row.seed);
}

std::string bench_title(const ResultRow& row) {
  return fmt::format("{}{}, profile {}", row.model,
                     row.random_weights ? " (random weights: speed only)" : "", row.profile);
}

std::vector<ReportCell> cells_of(const std::vector<ResultRow>& rows, const Labels& labels) {
  std::vector<ReportCell> cells;
  std::unordered_map<std::string, std::size_t> places;
  for (const ResultRow& row : rows) {
    const std::string key = fmt::format("{1}{0}{2}", kBetween, question(row), arm_key(row));
    const auto [place, added] = places.emplace(key, cells.size());
    if (added) cells.push_back({&row, labels.method(row), labels.suite(row), {}});
    if (!row.metric.empty()) cells[place->second].metrics.push_back(&row);
  }
  return cells;
}

Arm& arm_of(Bench& bench, std::unordered_map<std::string, std::size_t>& places,
            const ReportCell& cell) {
  const auto [place, added] = places.emplace(arm_key(*cell.first), bench.arms.size());
  if (added) bench.arms.push_back({cell.first, cell.method, {}});
  return bench.arms[place->second];
}

std::vector<Bench> benches_of(const std::vector<ReportCell>& cells) {
  std::vector<Bench> benches;
  std::unordered_map<std::string, std::size_t> places;
  std::vector<std::unordered_map<std::string, std::size_t>> arms;
  for (const ReportCell& cell : cells) {
    const std::string title = bench_title(*cell.first);
    const auto [place, added] = places.emplace(title, benches.size());
    if (added) {
      benches.push_back(
          {title, cell.first->random_weights, cell.first->profile == kImportedProfile, {}, {}});
      arms.emplace_back();
    }
    Bench& bench = benches[place->second];
    if (std::find(bench.suites.begin(), bench.suites.end(), cell.suite) == bench.suites.end()) {
      bench.suites.push_back(cell.suite);
    }
    arm_of(bench, arms[place->second], cell).cells.push_back(&cell);
  }
  return benches;
}

/// Bytes and counts of a model are exact: no interval, and any difference is one.
bool exact(const ResultRow& row) { return row.metric.starts_with("model/"); }

std::string ratio_word(const ResultRow& row, const RatioEstimate& ratio) {
  if (row.direction == 0) return "";
  const auto word = [&](bool above) { return above == (row.direction > 0) ? "better" : "worse"; };
  if (exact(row)) return ratio.value == 1 ? "same" : word(ratio.value > 1);
  if (!ratio.lo || !ratio.hi) return "";
  if (*ratio.lo > 1) return word(true);
  return *ratio.hi < 1 ? word(false) : "not told apart";
}

}  // namespace

const ResultRow* ReportCell::metric(std::string_view tag) const {
  const auto found = std::find_if(metrics.begin(), metrics.end(), [&](const ResultRow* row) {
    return row->metric == tag && row->value && std::isfinite(*row->value);
  });
  return found == metrics.end() ? nullptr : *found;
}

const ResultRow* Arm::metric(std::string_view tag) const {
  for (const ReportCell* cell : cells) {
    if (const ResultRow* row = cell->metric(tag)) return row;
  }
  return nullptr;
}

const ReportCell* Arm::cell(const std::string& suite) const {
  const auto found = std::find_if(cells.begin(), cells.end(),
                                  [&](const ReportCell* cell) { return cell->suite == suite; });
  return found == cells.end() ? nullptr : *found;
}

Cells::Cells(const std::vector<ResultRow>& rows, Evidence evidence)
    : labels_(rows), evidence_(std::move(evidence)), cells_(cells_of(rows, labels_)) {
  benches_ = benches_of(cells_);
  for (const ResultRow& row : rows) {
    if (row.method == "dense" && row.value) dense_.emplace(metric_key(row), &row);
  }
}

const ResultRow* Cells::twin(const ResultRow& row) const {
  const auto found = dense_.find(metric_key(row));
  return found == dense_.end() ? nullptr : found->second;
}

std::optional<RatioEstimate> ratio_to_dense(const ResultRow& row, const Cells& cells) {
  if (!row.ratio || !std::isfinite(*row.ratio)) return std::nullopt;
  RatioEstimate ratio{*row.ratio, {}, {}, ""};
  const ResultRow* twin = cells.twin(row);
  // The interval is the dense row's only if it is the value that the ratio was made with.
  if (twin != nullptr && row.twin_value == twin->value) {
    if (const auto paired = cells.evidence().ratio(row, *twin)) {
      ratio.lo = std::min(paired->lo, ratio.value);
      ratio.hi = std::max(paired->hi, ratio.value);
    } else if (row.lo && row.hi && twin->lo && twin->hi && *row.lo > 0 && *twin->lo > 0) {
      ratio.lo = *row.lo / *twin->hi;
      ratio.hi = *row.hi / *twin->lo;
    }
  }
  ratio.word = ratio_word(row, ratio);
  return ratio;
}

bool is_quality(const ResultRow& row) {
  static constexpr std::array kTags = {"token_ppl", "word_ppl", "kl", "top1_agreement", "ppl_ratio",
                                       "acc",       "acc_norm", "f1", "macro_f1",       "matthews"};
  return std::find(kTags.begin(), kTags.end(), row.metric) != kTags.end();
}

bool is_speed(const ResultRow& row) {
  static constexpr std::array kTags = {"prefill/tokens_per_s", "decode/tokens_per_s",
                                       "classify/items_per_s", "ffn_decode/latency"};
  return std::find(kTags.begin(), kTags.end(), row.metric) != kTags.end();
}

bool is_imported_multiple(const ResultRow& row) {
  return row.profile == kImportedProfile && row.unit == "x";
}

std::string metric_name(const std::string& suite, const ResultRow& row) {
  for (const Headline& headline : headlines()) {
    if (headline.tag != row.metric) continue;
    const std::string title = headline.title.empty() ? "speed" : headline.title;
    return suite.empty() ? title : suite + " " + title;
  }
  return suite.empty() ? row.metric : suite + " " + row.metric;
}

}  // namespace assay
