// Accuracy against measured speed, and against size.

#include "reports/sections/sections.h"

namespace assay {
namespace {

void add_fronts(Section& section, const SectionInput& input, const Bench& bench,
                const std::vector<BenchMetric>& others) {
  if (bench.random_weights) return;  // such a model has no quality
  for (const BenchMetric& quality : bench_metrics(bench, is_quality)) {
    for (const BenchMetric& other : others) {
      Plot plot = front_plot(input, bench, quality, other);
      if (points_in(plot) < 2) continue;
      plot.caption = "Bars are 95 % intervals. " + front_caption();
      section.plots.push_back(std::move(plot));
    }
  }
}

}  // namespace

Section speed_section(const SectionInput& input) {
  Section section{"accuracy-speed", "Quality against measured speed", {}, {}, {}};
  for (const Bench& bench : input.cells.benches()) {
    add_fronts(section, input, bench, bench_metrics(bench, is_speed));
  }
  return section;
}

Section size_section(const SectionInput& input) {
  Section section{"accuracy-size", "Quality against size in memory", {}, {}, {}};
  section.text.emplace_back(
      "Bytes that the weights take in memory to run: what was pruned without a sparse format is "
      "not smaller.");
  for (const Bench& bench : input.cells.benches()) {
    if (bench.random_weights) continue;
    // A model is as large in one suite as in the other: take it from the suite of the quality.
    for (const BenchMetric& size : size_metrics(bench)) {
      Bench own = bench;
      std::erase_if(own.arms, [&](const Arm& arm) { return arm.cell(size.suite) == nullptr; });
      for (const BenchMetric& quality : bench_metrics(own, is_quality)) {
        if (quality.suite != size.suite) continue;
        Plot plot = front_plot(input, own, quality, size);
        plot.caption = front_caption();
        section.plots.push_back(std::move(plot));
      }
    }
  }
  return section;
}

}  // namespace assay
