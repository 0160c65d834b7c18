#include "harness/tune/pairing.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "harness/judge/items.h"
#include "harness/stats/intervals.h"

namespace assay::tune {
namespace {

using RecordsByKey = std::map<std::string, const CellRecord*>;

const MetricRecord* metric_of(const CellRecord& record, const std::string& tag) {
  const auto found = std::ranges::find_if(
      record.metrics, [&](const MetricRecord& metric) { return metric.def.tag == tag; });
  return found == record.metrics.end() ? nullptr : &*found;
}

/// Differences of items on the scale of the metric: points of a share, logarithms of a perplexity
/// (whose items are such), parts of any other mean.
double of_scale(const Aim& aim, Basis basis, const std::vector<double>& reference) {
  if (aim.scale.points()) return 100;
  if (basis == Basis::kExpMean) return 1;
  const double level = std::abs(mean(reference));
  return level > 0 ? 1 / level : 0;
}

/// Variance of the mean difference of two cells; nothing where they do not share their items.
std::optional<double> paired_variance(const CellRecord& reference, const CellRecord& cell,
                                      const Aim& aim) {
  const MetricRecord* metric = metric_of(reference, aim.metric);
  if (metric == nullptr || metric->def.item_value.empty()) return std::nullopt;
  const ItemPairs pairs = pair_items(reference.items, cell.items, metric->def.item_value);
  if (!pairs.stored || pairs.unpaired > 0 || pairs.a.size() < 2) return std::nullopt;
  std::vector<double> differences;
  for (std::size_t i = 0; i < pairs.a.size(); ++i) differences.push_back(pairs.b[i] - pairs.a[i]);
  const double spread = sample_standard_deviation(differences);
  const double scale = of_scale(aim, metric->def.basis, pairs.a);
  return scale * scale * spread * spread / static_cast<double>(differences.size());
}

/// Mean over the seeds of a cell, each beside the reference's first seed.
std::optional<double> paired_variance(const Cell& cell, const CellRecord& reference,
                                      const RecordsByKey& records, const Aim& aim) {
  double sum = 0;
  for (const std::string& key : cell.keys) {
    const auto found = records.find(key);
    if (found == records.end()) return std::nullopt;
    const auto one = paired_variance(reference, *found->second, aim);
    if (!one) return std::nullopt;
    sum += *one;
  }
  return sum / static_cast<double>(cell.keys.size());
}

}  // namespace

void pair_with_reference(Task& task, const std::vector<CellRecord>& records) {
  RecordsByKey by_key;
  for (const CellRecord& record : records) by_key[record.cell_key] = &record;
  if (task.reference.keys.empty() || !by_key.contains(task.reference.keys[0])) return;
  const CellRecord& reference = *by_key.at(task.reference.keys[0]);
  for (Cell& cell : task.cells) {
    if (!cell.quality) continue;
    const auto paired = paired_variance(cell, reference, by_key, task.quality);
    if (!paired) continue;
    const auto seeds = static_cast<double>(cell.keys.size());
    cell.quality->variance = std::max(*paired, cell.quality->between) / seeds;
  }
}

}  // namespace assay::tune
