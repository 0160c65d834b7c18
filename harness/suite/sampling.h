#pragma once
// How often a call is made before and while it is timed.

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "harness/base/params.h"
#include "harness/protocol/protocol.h"

namespace assay {

/// The warm-up is fixed: it ends when both its minimums are reached, whatever the times look like.
/// Samples end when both minimums are reached and they agree, or more of them would tell nothing
/// new about their spread, or at the cap.
struct SamplingRules {
  std::int64_t warmup_calls = 5;
  double warmup_seconds = 0.5;
  std::int64_t samples = 9;
  double seconds = 1;            ///< of all samples together
  double max_seconds = 5;        ///< the cap, likewise
  double sample_seconds = 1e-3;  ///< a shorter call is repeated within a sample
  double spread = 0.005;         ///< standard deviation over mean at which samples agree
};

/// A GPU clocks up late and its calls are cheap to repeat: more of both, and shorter samples.
SamplingRules on_gpu(SamplingRules rules);

/// Parameter "warmup_seconds" of a suite kind whose work is fixed.
ParamSpec warmup_seconds_param();
/// Parameters "warmup_seconds", "seconds" and "max_seconds" of a suite kind.
std::vector<ParamSpec> sampling_params();
/// Parameters "warmup_calls" and "measured_calls": the fewest calls, counted in `unit`; `former`:
/// what they were called before.
std::vector<ParamSpec> calls_params(std::int64_t warmup, std::int64_t measured,
                                    const std::string& unit,
                                    const std::pair<std::string, std::string>& former);
/// The values of both lists; on a GPU at least its minimums.
SamplingRules sampling_rules(const Params& params, bool gpu);

/// What was measured, in seconds a call.
struct SampledCalls {
  double first = 0;            ///< the very first call: cold
  std::vector<double> warmup;  ///< with the first
  std::vector<double> steady;
  std::int64_t loops = 1;  ///< calls within one sample; their mean is its value
  double warmup_seconds = 0, steady_seconds = 0;
  bool agreed = false;  ///< the samples reached `spread`, or the spread itself is known
};

/// Follows the spread of samples as they come. It is stable when its last 64 values, relative to
/// the mean, differ by less than a twentieth of themselves: the second of NVBench's stop criteria.
class SpreadWatch {
 public:
  void add(double sample);
  /// Standard deviation over mean of all samples; 0 before the second one.
  [[nodiscard]] double spread() const;
  [[nodiscard]] bool stable() const;

 private:
  std::int64_t count_ = 0;
  double mean_ = 0, squares_ = 0;  ///< Welford's
  std::deque<double> recent_;
};

/// The warm-up alone, and how many calls make a sample after it.
SampledCalls warm_up_calls(const SamplingRules& rules,
                           const std::function<double(std::int64_t)>& call);

/// `call(n)` makes n calls and returns their time together, in seconds. `progress(done, least)`
/// after every sample.
SampledCalls sample_calls(
    const SamplingRules& rules, const std::function<double(std::int64_t)>& call,
    const std::function<void(std::int64_t done, std::int64_t least)>& progress);

/// Says how far the two parts of a series differ when they do: another level than chance explains
/// (ranks, p < 0.001) and by more than 5 % of the median. Nothing when there is too little to tell.
std::optional<std::string> drift_between(std::span<const double> early,
                                         std::span<const double> late);
/// The same of the halves of one series of equal calls.
std::optional<std::string> drift_within(std::span<const double> steady);

/// The percentile (0.95, ...) of the values, or no value with the reason when there are too few of
/// them to vouch for it: the chance that none of n values lies above it must be at most 1 %.
MetricValue percentile_metric(const std::string& tag, std::span<const double> values,
                              double percentile);

}  // namespace assay
