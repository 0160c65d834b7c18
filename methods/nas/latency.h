#pragma once
// Times of networks, by the clock and told by a model of it.

#include "harness/method/method.h"
#include "harness/subnetwork/latency_model.h"
#include "harness/subnetwork/network_timer.h"
#include "harness/subnetwork/sub_network.h"

namespace assay::nas {

/// Takes networks out of a model one by one and times each beside it.
class NetworkClock {
 public:
  /// `whole` must outlive it.
  NetworkClock(const Model& whole, const subnetwork::LatencyWork& work);
  [[nodiscard]] subnetwork::LatencyRatio operator()(const subnetwork::SubNetwork& network);
  /// Of one call of the whole model.
  [[nodiscard]] double whole_seconds();

 private:
  const Model& whole_;
  subnetwork::LatencyWork work_;
  subnetwork::NetworkTimer of_whole_;
};

/// What the latency stage found.
subnetwork::LatencyModel latency_model_of(const Artefact& latency);

}  // namespace assay::nas
