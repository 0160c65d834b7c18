#pragma once
// What the timing suites share: samples of what is timed, and their summaries.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "harness/model/model.h"
#include "harness/suite/sampling.h"
#include "harness/suite/suite.h"

namespace assay {

/// Throws UserError when the model cannot see this many positions.
void check_positions(const Model& model, std::int64_t positions, const std::string& what);

/// Samples of one metric, in the order of their measurement.
class SampleLog {
 public:
  explicit SampleLog(std::string tag) : tag_(std::move(tag)) {}
  void add(double seconds, bool warmup);
  [[nodiscard]] const std::vector<Sample>& samples() const { return samples_; }
  /// The values that are no warm-up.
  [[nodiscard]] std::vector<double> steady() const;

 private:
  std::string tag_;
  std::vector<Sample> samples_;
};

/// Times of the phases of a process before its samples: metrics "process/...".
void emit_phases(SuiteContext& context, double first_call, double warmup, double steady);
/// Samples under `tag`, phases, calls in a sample, and a remark where the samples drift.
void emit_calls(SuiteContext& context, const std::string& tag, const SampledCalls& calls);

/// Some of a process's timed calls, drawn by chance while they come, each as likely as any other
/// and unknown to whatever is timed: what they computed is kept and compared later with what
/// scoring computes. Keeping a result is keeping a handle; nothing is copied while the clock runs.
class DrawnOutputs {
 public:
  explicit DrawnOutputs(std::size_t count = 8);
  /// Where the next call leaves what it computed; null for most calls.
  at::Tensor* next();
  struct Output {
    std::int64_t call = -1;  ///< counted from 0
    at::Tensor values;
  };
  /// In order of the calls.
  [[nodiscard]] std::vector<Output> kept() const;

 private:
  std::vector<Output> places_;
  std::int64_t calls_ = 0;
  std::mt19937_64 random_;
};

/// Median of the values with its distribution-free interval.
MetricValue median_metric(const std::string& tag, std::span<const double> seconds);
/// volume / median: the same interval, turned round.
MetricValue rate_metric(const std::string& tag, std::span<const double> seconds, double volume);

/// "peak_rss": the highest resident size of this process so far, in bytes; absent with its reason
/// where the system does not tell.
MetricDef peak_rss_definition();
MetricValue peak_rss_metric();

}  // namespace assay
