#pragma once
// How long a network takes, told from its shape: what a search asks a hundred times and a clock
// answers slowly.

#include <vector>

#include "harness/base/json.h"
#include "harness/checkpoint/spec.h"

namespace assay::subnetwork {

/// The time of a network over that of the whole one, as a sum of what its parts take: something
/// that every network takes, and more for each attention, group of heads, FFN and neuron (the last
/// two and the groups as wide as the residual stream). No part takes less than nothing.
class LatencyModel {
 public:
  LatencyModel() = default;
  /// Least squares of relative errors over networks that were timed. Throws std::invalid_argument
  /// for no network, for different numbers of parts and ratios, and ratios that are not positive.
  LatencyModel(const ModelSpec& whole, const std::vector<ModelSpec>& parts,
               const std::vector<double>& ratios);

  /// Relative to the whole one, which is 1 whatever the fit makes of it.
  [[nodiscard]] double operator()(const ModelSpec& whole, const ModelSpec& part) const;
  /// Nothing was fitted.
  [[nodiscard]] bool empty() const { return weights_.empty(); }

  [[nodiscard]] Json to_json() const;
  /// Throws UserError for what to_json() does not write.
  static LatencyModel from_json(const Json& document);

 private:
  std::vector<double> weights_;
};

/// Mean of |predicted / timed - 1|, each network predicted by a model of all others.
double left_out_error(const ModelSpec& whole, const std::vector<ModelSpec>& parts,
                      const std::vector<double>& ratios);

}  // namespace assay::subnetwork
