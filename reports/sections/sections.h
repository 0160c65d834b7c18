#pragma once
// The parts of the long report. Each looks at what was measured and leaves itself empty when there
// is nothing behind it; the order of the page is in sections.cpp.

#include <string>
#include <vector>

#include "reports/cells.h"
#include "reports/document.h"
#include "reports/remark_notes.h"

namespace assay {

struct SectionInput {
  const ExperimentResults& results;
  const Cells& cells;
  Notes& notes;  ///< marks are beside the values, the notes once in the document
};

Section summary_section(const SectionInput& input);
Section speed_section(const SectionInput& input);
Section size_section(const SectionInput& input);
Section imported_section(const SectionInput& input);
Section predicted_section(const SectionInput& input);
Section break_even_section(const SectionInput& input);
Section layers_section(const SectionInput& input);
Section training_section(const SectionInput& input);
Section search_section(const SectionInput& input);
Section distributions_section(const SectionInput& input);
Section time_spent_section(const SectionInput& input);
Section predictor_section(const SectionInput& input);
Section cost_section(const SectionInput& input);
Section provenance_section(const SectionInput& input);

/// All that have something to show, in the order of the page.
/// Without pictures that are among those shown already.
std::vector<Section> make_sections(const SectionInput& input, const std::vector<Plot>& shown);

// What the parts share.

/// Most plots of one section: a page of hundreds helps nobody. What is left out is said.
inline constexpr std::size_t kMostPlots = 12;
/// Most series of one picture that joins points, and most bars.
inline constexpr std::size_t kMostSeries = 16;
inline constexpr std::size_t kMostBars = 40;
/// Keeps the first kMostSeries (of scatters: all) and kMostBars, and says so in the caption.
void limit_series(Plot& plot);
/// Drops the plots beyond kMostPlots and says so in the section's text.
void limit_plots(Section& section);

TableCell label_cell(const std::string& text);
/// Absent when the row is null or has no value; marked with the row's remarks.
TableCell value_cell(const ResultRow* row, Notes& notes);
TableCell number_cell(std::optional<double> value);

/// Rows of one metric that exist, each with the arm that they belong to.
struct ArmValue {
  const Arm* arm = nullptr;
  const ResultRow* row = nullptr;
};

/// A suite's metric on a bench: one column of the tables, one axis of the plots.
struct BenchMetric {
  std::string name;   ///< "news-ppl perplexity"
  std::string suite;  ///< label
  const ResultRow* any = nullptr;
  std::vector<ArmValue> values;  ///< arms whose cell has a value
  std::vector<ArmValue> gaps;    ///< arms whose cell was asked for and has none; row has the status
};

/// Metrics of the bench for which `wanted` is true, by suite in order of the plan.
std::vector<BenchMetric> bench_metrics(const Bench& bench, bool (*wanted)(const ResultRow&));

/// Bytes that the weights take to run, by suite; equal in each.
std::vector<BenchMetric> size_metrics(const Bench& bench);

/// What the arm has of the metric in its suite, or null.
const ResultRow* row_in(const Arm& arm, const BenchMetric& metric);

/// An axis for a metric, with the unit scaled for reading; `divisor` says by what.
PlotAxis axis_of(const BenchMetric& metric, double& divisor);

/// A scatter of two metrics with the Pareto front marked, and where it is undecided; series without
/// points when no arm has both.
Plot front_plot(const SectionInput& input, const Bench& bench, const BenchMetric& quality,
                const BenchMetric& other);
/// How to read the front.
std::string front_caption();

/// "layer.3.q" -> {3, "q"}; {-1, whole text} when it names no layer.
std::pair<int, std::string> layer_of(const std::string& text);

}  // namespace assay
