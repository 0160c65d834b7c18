#pragma once
// What the timing suites share: the greedy loop that is timed, its samples, and their summaries.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "harness/model/model.h"
#include "harness/suite/suite.h"

namespace assay {

/// Greedy decoding over a static cache, as a server runs it: the product with the head is done for
/// the last position only, and a step ends when the chosen tokens are on the host.
class GreedyLoop {
 public:
  GreedyLoop(const Model& model, std::int64_t batch, std::int64_t capacity);

  /// Forgets what came before and runs tokens [batch, length] -> next tokens [batch, 1] on the
  /// model's device.
  at::Tensor prefill(const at::Tensor& tokens);
  /// One step for every row of the batch: tokens [batch, 1] -> next tokens [batch, 1].
  at::Tensor step(const at::Tensor& tokens);

 private:
  at::Tensor run(const at::Tensor& tokens);
  const Model* model_;
  KvCache cache_;
};

/// Synthetic prompt [batch, length], the same for a seed, batch and length.
at::Tensor synthetic_prompt(const Model& model, std::int64_t batch, std::int64_t length,
                            std::uint64_t seed);

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

/// Median of the values with its distribution-free interval.
MetricValue median_metric(const std::string& tag, std::span<const double> seconds);
/// volume / median: the same interval, turned round.
MetricValue rate_metric(const std::string& tag, std::span<const double> seconds, double volume);

/// An integer parameter >= min that counts `unit`.
ParamSpec count_param(const std::string& name, std::int64_t value, double min,
                      const std::string& unit, const std::string& help);

/// "peak_rss": the highest resident size of this process so far, in bytes; absent with its reason
/// where the system does not tell.
MetricDef peak_rss_definition();
MetricValue peak_rss_metric();

}  // namespace assay
