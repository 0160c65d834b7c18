#pragma once
// What two cells of one question measured side by side: processes that ran next to each other,
// items that both answered.

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "harness/store/records.h"

namespace assay {

/// b against a, pair by pair: of times, rates and perplexities differences of logs (a mean of 0.1
/// is a ratio of exp(0.1)), of accuracies and divergences differences of the values.
struct Pairs {
  std::vector<double> differences;  ///< at least two
  bool logs = false;
};

/// Logs of the medians of a metric's processes, worked out once: a front compares each cell with
/// hundreds of others. Records must stay where they are.
class LogMedians {
 public:
  const std::vector<double>& of(const MetricRecord& metric);

 private:
  std::unordered_map<const MetricRecord*, std::vector<double>> known_;
};

/// Nothing where the two share no session or no items, a value of one is missing, or the metric is
/// not made of them. A rate of which no raw values are kept is taken from the time that it is made
/// of (time_behind).
std::optional<Pairs> pairs_of(const CellRecord& a, const CellRecord& b, const std::string& tag,
                              LogMedians& medians);

/// The time whose inverse a rate is: "decode/token_latency" for "decode/tokens_per_s"; "" for none.
std::string time_behind(const std::string& rate);

}  // namespace assay
