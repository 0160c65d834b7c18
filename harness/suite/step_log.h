#pragma once
// What blocks with input-dependent work did, token by token, and its summary.

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <vector>

#include "harness/model/model.h"
#include "harness/protocol/protocol.h"

namespace assay {

/// Collects one number a token and fact: bytes are summed over the layers, shares averaged over
/// those that told. Watches one model; holds 8 bytes a token.
class StepLog final : public StepObserver {
 public:
  void observe(std::int64_t layer, StepFact fact, const at::Tensor& values) override;

  /// No block has told anything.
  [[nodiscard]] bool empty() const;
  /// Of the tokens seen so far, in their order; empty when no block told.
  [[nodiscard]] std::vector<double> touched_bytes() const;
  [[nodiscard]] std::vector<double> flops() const;
  [[nodiscard]] std::vector<double> fallback_share() const;

 private:
  struct Series {
    std::vector<double> sums;      ///< finished tokens and those of the running pass
    std::vector<double> divisors;  ///< layers that told, for each of them
    std::int64_t last_layer = -1;
    std::size_t begin = 0;  ///< where the running pass starts
  };
  [[nodiscard]] const Series& series(StepFact fact) const;
  std::array<Series, 3> series_;  ///< by StepFact
};

/// Values of the common metrics "step/...": what `fixed` says of any token plus what the log saw:
/// bytes, mean and 95th percentile over tokens; work, mean; the share of neurons only when a block
/// told one.
std::vector<MetricValue> step_metrics(const StepLog& log, const Cost& fixed);

}  // namespace assay
