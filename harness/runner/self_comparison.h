#pragma once
// A machine compared with itself: the same work as two arms, through the whole path of a real
// comparison. What it finds is noise.

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "harness/base/json.h"

namespace assay {

struct SelfComparisonPlan {
  std::size_t comparisons = 1;         ///< pairs of identical arms
  std::size_t processes_per_arm = 12;  ///< even: blocks of A B B A or B A A B
  std::uint64_t seed = 1;              ///< of the blocks' orientation
};

/// Medians of the processes of one comparison, paired as the blocks pair them.
struct IdenticalArms {
  std::vector<double> a, b;  ///< seconds, in order of execution
};

/// What the comparisons showed.
struct SelfComparison {
  std::string work;
  std::size_t comparisons = 0, processes_per_arm = 0;
  std::size_t false_alarms = 0;  ///< two-sided sign-flip p < 0.05
  double alarm_bound = 1;  ///< one-sided 95 % upper bound of the rate behind them (Clopper-Pearson)
  double between_processes = 0;  ///< standard deviation over mean of the process medians
  double noise_floor = 0;        ///< 90th percentile of |ratio of medians - 1|
  double detectable = 0;  ///< slowdown found with 80 % power at p < 0.01, one-sided, as ratio - 1
};
Json to_json(const SelfComparison& comparison);

/// Runs the processes one after the other; `process` returns one process's median in seconds.
std::vector<IdenticalArms> run_identical_arms(const SelfComparisonPlan& plan,
                                              const std::function<double()>& process);

/// Needs at least one comparison of two processes an arm; throws std::invalid_argument otherwise.
SelfComparison judge_identical_arms(const std::string& work, std::span<const IdenticalArms> runs);

}  // namespace assay
