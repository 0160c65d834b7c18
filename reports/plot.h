#pragma once
// Plots before any format: series of points with intervals, axes, and what kind of picture it is.

#include <optional>
#include <string>
#include <vector>

namespace assay {

struct PlotPoint {
  std::string label;  ///< what a reader sees beside the point
  double x = 0;       ///< in the axis' unit; an index into Plot::categories for bars
  /// Absent: asked for and not there. A renderer leaves a gap, it never draws zero.
  std::optional<double> y;
  std::optional<double> x_lo = {}, x_hi = {}, y_lo = {}, y_hi = {};  ///< 95 % intervals
  /// On the Pareto front by its values (scatter), or measured before the steady state
  /// (distribution).
  bool marked = false;
  bool undecided = false;    ///< whether it is on the front cannot be said (scatter)
  std::string remarks = {};  ///< what is said beside its values
};

struct PlotSeries {
  std::string name;
  std::vector<PlotPoint> points;
};

struct PlotAxis {
  std::string title;
  std::string unit;
  bool logarithmic = false;
  int direction = 0;  ///< +1 higher is better, -1 lower is better, 0 neutral
};

struct Plot {
  enum class Kind {
    kScatter,       ///< points; the marked ones are the Pareto front, the undecided ones may be
    kLine,          ///< points of a series joined in order of x
    kBars,          ///< one group a category, one bar a series
    kDistribution,  ///< y against the order of execution, and how y is distributed
  };
  Kind kind = Kind::kScatter;
  std::string title;
  std::string caption;  ///< how to read it; a renderer without pictures still shows it
  PlotAxis x, y;
  std::vector<std::string> categories = {};  ///< names on the x axis of bars
  std::vector<PlotSeries> series = {};
  bool diagonal = false;                 ///< a line at y = x
  std::optional<double> reference = {};  ///< a value of y to draw a line at: equal to dense
};

/// Points of all series together.
inline std::size_t points_in(const Plot& plot) {
  std::size_t points = 0;
  for (const PlotSeries& series : plot.series) points += series.points.size();
  return points;
}

}  // namespace assay
