#include "harness/judge/pairs.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

#include "harness/judge/items.h"
#include "harness/judge/judge_cell.h"
#include "harness/stats/intervals.h"

namespace assay {
namespace {

struct Rate {
  std::string_view tag, time;
};
constexpr std::array<Rate, 4> kRates = {{{"decode/tokens_per_s", "decode/token_latency"},
                                         {"prefill/tokens_per_s", "prefill/latency"},
                                         {"classify/items_per_s", "classify/latency"},
                                         {"ffn_decode/tokens_per_s", "ffn_decode/latency"}}};

std::optional<Pairs> checked(Pairs pairs) {
  const bool finite =
      std::ranges::all_of(pairs.differences, [](double d) { return std::isfinite(d); });
  if (pairs.differences.size() < 2 || !finite) return std::nullopt;
  return pairs;
}

/// `sign` -1: the inverse of what was timed.
std::optional<Pairs> process_pairs(const std::vector<double>& left,
                                   const std::vector<double>& right, double sign) {
  if (left.size() != right.size()) return std::nullopt;
  Pairs pairs{{}, true};
  for (std::size_t i = 0; i < left.size(); ++i) {
    pairs.differences.push_back(sign * (right[i] - left[i]));
  }
  return checked(std::move(pairs));
}

std::optional<Pairs> item_pairs(const CellRecord& cell_a, const MetricRecord& a,
                                const CellRecord& cell_b, const MetricRecord& b) {
  if (!of_items(a.def.basis) || a.def.basis != b.def.basis) return std::nullopt;
  const ItemPairs items = pair_items(cell_a.items, cell_b.items, a.def.item_value);
  if (!items.stored || items.unpaired > 0) return std::nullopt;
  Pairs pairs{{}, a.def.basis == Basis::kExpMean};
  for (std::size_t i = 0; i < items.a.size(); ++i) {
    pairs.differences.push_back(items.b[i] - items.a[i]);
  }
  return checked(std::move(pairs));
}

}  // namespace

const std::vector<double>& LogMedians::of(const MetricRecord& metric) {
  const auto [place, added] = known_.try_emplace(&metric);
  if (added) {
    for (const ProcessSamples& process : metric.processes) {
      if (!process.values.empty()) place->second.push_back(std::log(median(process.values)));
    }
  }
  return place->second;
}

std::string time_behind(const std::string& rate) {
  const auto found = std::ranges::find_if(kRates, [&](const Rate& one) { return one.tag == rate; });
  return found == kRates.end() ? "" : std::string(found->time);
}

std::optional<Pairs> pairs_of(const CellRecord& a, const CellRecord& b, const std::string& tag,
                              LogMedians& medians) {
  const MetricRecord* left = find_metric(a, tag);
  const MetricRecord* right = find_metric(b, tag);
  if (left == nullptr || right == nullptr) return std::nullopt;
  if (!a.items.empty() && !b.items.empty()) return item_pairs(a, *left, b, *right);
  if (a.session.empty() || a.session != b.session) return std::nullopt;
  double sign = 1;
  const std::string time = time_behind(tag);
  if (left->processes.empty() && right->processes.empty() && !time.empty()) {
    left = find_metric(a, time);
    right = find_metric(b, time);
    sign = -1;
  }
  if (left == nullptr || right == nullptr) return std::nullopt;
  return process_pairs(medians.of(*left), medians.of(*right), sign);
}

}  // namespace assay
