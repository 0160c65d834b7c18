#pragma once
// What it cost to make an artefact out of several stages or links of a chain.

#include <string>
#include <vector>

#include "harness/runner/artefacts.h"

namespace assay {

/// Figures of all jobs behind one artefact. What their sum means is summed ("fit/seconds" is what
/// the cell would have cost alone); of peaks the largest counts; of what a later job measures
/// again, the later. Beside these, where anything was timed: "fit/seconds_here", what was spent in
/// this run, and "fit/seconds/<job>" where there are several.
class FitCosts {
 public:
  /// job: "wanda", "train"; applied: its artefact changes the model, and is no mere intermediate;
  /// here: it was made now, not taken from the cache.
  void add(const std::string& job, const FitRecord& record, bool applied, bool here);
  [[nodiscard]] std::vector<MetricValue> metrics() const;

 private:
  void take(const MetricValue& value, bool applied);
  std::vector<MetricValue> metrics_;
  std::vector<MetricValue> seconds_;  ///< of each job
  double here_ = 0;
};

}  // namespace assay
