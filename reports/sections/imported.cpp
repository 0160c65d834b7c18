// Results out of files: quality against whatever ratios the file has.

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "reports/sections/sections.h"

namespace assay {
namespace {

/// Arms that the file has something to say of, be it that a value is missing.
std::size_t arms_with_either(const BenchMetric& a, const BenchMetric& b) {
  std::set<const Arm*> arms;
  for (const auto* values : {&a.values, &a.gaps, &b.values, &b.gaps}) {
    for (const ArmValue& value : *values) arms.insert(value.arm);
  }
  return arms.size();
}

Plot multiple_plot(const SectionInput& input, const Bench& bench, const BenchMetric& quality,
                   const BenchMetric& multiple) {
  Plot plot = front_plot(input, bench, quality, multiple);
  const std::size_t known = arms_with_either(quality, multiple);
  const std::size_t drawn = points_in(plot);
  plot.caption =
      "Out of a file, not measured here: values without intervals are compared as they stand. " +
      front_caption();
  if (drawn < known) {
    plot.caption +=
        fmt::format(" {} of {} have both values; the others are not drawn.", drawn, known);
  }
  return plot;
}

}  // namespace

Section imported_section(const SectionInput& input) {
  Section section{"imported", "Results from elsewhere", {}, {}, {}};
  for (const Bench& bench : input.cells.benches()) {
    if (!bench.imported || bench.random_weights) continue;
    const std::vector<BenchMetric> multiples = bench_metrics(bench, is_imported_multiple);
    for (const BenchMetric& quality : bench_metrics(bench, is_quality)) {
      for (const BenchMetric& multiple : multiples) {
        Plot plot = multiple_plot(input, bench, quality, multiple);
        if (points_in(plot) > 1) section.plots.push_back(std::move(plot));
      }
    }
  }
  // Only the first pictures are drawn: those that show most.
  std::stable_sort(section.plots.begin(), section.plots.end(),
                   [](const Plot& a, const Plot& b) { return points_in(a) > points_in(b); });
  return section;
}

}  // namespace assay
