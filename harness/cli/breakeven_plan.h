#pragma once
// What `assay breakeven` measures: one method beside dense, in one timed suite, along one axis.

#include <string>

#include "harness/cli/commands.h"
#include "harness/config/catalogue.h"
#include "harness/config/experiment.h"
#include "harness/judge/breakeven.h"

namespace assay {

/// As on the command line; empty means the only one of the experiment.
struct BreakEvenChoice {
  std::string over, method, suite, model, profile, metric;
  double from = 0, to = 0;
  double tolerance = 0;    ///< 0: a 64th of the range
  std::vector<double> at;  ///< first values instead of the default grid
  std::size_t most_points = 24;
  std::int64_t processes = 0;  ///< 0: as the experiment says
};

/// The experiment of one point is the base with the axis's parameter set to its value.
struct BreakEvenPlan {
  Experiment base;  ///< dense and the method; its name is of its own, "x.breakeven.wanda.batch"
  SearchAxis axis;
  std::string over;        ///< name of the parameter
  bool of_method = false;  ///< else of the suite
  std::string metric;      ///< the time that is held against dense's
  /// Throws nothing: the values of the axis were checked against the parameter's range.
  [[nodiscard]] Experiment at(const std::vector<double>& values) const;
};

/// Throws UserError for what the experiment, the method or the suite does not have, for ranges that
/// the parameter does not allow, and where several things fit.
BreakEvenPlan plan_break_even(const Experiment& experiment, const Catalogue& catalogue,
                              const BreakEvenChoice& choice);

}  // namespace assay
