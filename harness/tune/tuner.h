#pragma once
// Which setting meets a budget, and which to measure next.

#include <optional>
#include <vector>

#include "harness/tune/surface.h"
#include "harness/tune/task.h"

namespace assay::tune {

/// A place that may be chosen, with what the surfaces tell of it on the scales of the task.
struct Candidate {
  std::vector<double> at;
  const Cell* measured = nullptr;  ///< of the task; null: nobody measured it
  Told quality, gain;              ///< values monotone in the axes
};

/// Auto-PruMUX's question (Su et al. 2023: a model of quality and one of throughput over N and
/// sparsity; how they are made is not published), over any axes: the largest gain among places
/// whose quality meets a budget. Surfaces of kriging stand for what was not measured; values are
/// clamped to what is monotone in each axis as the measured cells are.
class Tuner {
 public:
  /// `tried`: values of each axis that may be chosen beside those that were measured. All
  /// combinations are candidates. Keeps a reference to the task. Throws UserError where fewer than
  /// two cells have a quality, or a gain.
  Tuner(const Task& task, const std::vector<std::vector<double>>& tried);

  [[nodiscard]] const std::vector<Candidate>& candidates() const { return candidates_; }
  [[nodiscard]] const Surface& quality() const { return *quality_; }
  [[nodiscard]] const Surface& gain() const { return *gain_; }

  /// Lowest quality that a budget allows.
  [[nodiscard]] double floor_of(double budget) const;

  /// Candidates that meet the budget by one standard deviation, largest gain first.
  [[nodiscard]] std::vector<const Candidate*> choices(double budget) const;

  /// The candidate of the highest cautious quality (value less a standard deviation).
  [[nodiscard]] const Candidate& closest() const;

  /// Candidates nobody measured whose expected gain over the best measured choice, times the
  /// probability that they meet the budget, is largest; those without any hope are left out.
  [[nodiscard]] std::vector<const Candidate*> next(double budget, std::size_t count) const;

 private:
  [[nodiscard]] std::vector<AxisScale> scales() const;
  void tell(const std::vector<AxisScale>& scales);

  const Task& task_;
  std::vector<std::vector<double>> values_;  ///< of each axis, in order
  std::vector<Candidate> candidates_;
  std::optional<Surface> quality_, gain_;
};

}  // namespace assay::tune
