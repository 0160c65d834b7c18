#pragma once
// What blocks with input-dependent work did, token by token, and its summary.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "harness/model/model.h"
#include "harness/protocol/protocol.h"

namespace assay {

/// Collects one number a token and fact: a sum or a mean over the layers that told, as the fact
/// says. A layer may tell a fact for several of its parts where begin_pass() is called. Watches one
/// model; holds 16 bytes a token and fact.
class StepLog final : public StepObserver {
 public:
  void begin_pass() override { ++pass_; }
  void observe(std::int64_t layer, const StepFact& fact, const at::Tensor& values) override;

  /// No block has told anything.
  [[nodiscard]] bool empty() const { return series_.empty(); }
  /// Names of what was told.
  [[nodiscard]] std::vector<std::string> facts() const;
  /// Of the tokens seen so far, in their order; empty when no block told this.
  [[nodiscard]] std::vector<double> of(const std::string& fact) const;
  [[nodiscard]] std::vector<double> of(const StepFact& fact) const {
    return of(std::string(fact.name));
  }
  /// Mean over the tokens seen so far, for each layer that told; empty for a fact that layers add
  /// up to.
  [[nodiscard]] std::map<std::int64_t, double> by_layer(const std::string& fact) const;

 private:
  struct Told {
    double sum = 0;
    std::size_t rows = 0;
  };
  struct Series {
    StepFact::Over over = StepFact::Over::kSum;
    std::vector<double> sums;             ///< finished tokens and those of the running pass
    std::vector<double> divisors;         ///< layers, or parts of them, that told, for each of them
    std::map<std::int64_t, Told> layers;  ///< where they do not add up
    std::int64_t last_layer = -1;
    std::int64_t pass = 0;
    std::size_t begin = 0;  ///< where the running pass starts
  };
  /// Whether what `layer` tells now is the first of its pass.
  [[nodiscard]] bool starts_pass(const Series& series, std::int64_t layer) const {
    return pass_ == 0 ? layer <= series.last_layer : series.pass != pass_;
  }
  std::int64_t pass_ = 0;                 ///< 0: nobody says where passes begin
  std::map<std::string, Series> series_;  ///< by the fact's name
};

/// Values of the metrics "step/...": what `fixed` says of any token plus what the log saw: bytes,
/// mean and 95th percentile over tokens; work, mean; every other fact that a block told, mean, and
/// as "step/layer.<index>/<fact>" that of each layer where layers do not add up.
std::vector<MetricValue> step_metrics(const StepLog& log, const Cost& fixed);

}  // namespace assay
