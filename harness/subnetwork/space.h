#pragma once
// Which sub-networks of a model a search may choose: a grid of whole numbers, and what its points
// mean. Units stand in the order of their importance (orders.h): a network keeps the first ones.

#include <cstdint>
#include <string>
#include <vector>

#include "harness/checkpoint/spec.h"
#include "harness/search/space.h"
#include "harness/subnetwork/latency_model.h"
#include "harness/subnetwork/sub_network.h"

namespace assay::subnetwork {

/// The spaces of Klein et al. 2024 (arXiv:2405.02267) by their names there.
enum class SpaceKind {
  kSmall,      ///< one depth, one number of groups, of neurons and one width for all layers
  kMedium,     ///< groups and neurons of each layer, 0 included
  kLayer,      ///< each layer or not
  kFullLayer,  ///< each attention and each FFN or not
  kLarge,      ///< each group of heads and each neuron or not
};

/// What a size is a share of.
enum class SizeMetric {
  kParameters,       ///< all, embeddings and head included
  kLayerParameters,  ///< those of the layers
  kMacs,             ///< multiplications of a sequence of `tokens`, the output's included
  kLatency,          ///< time, as `latency` tells it
};

struct SpaceSettings {
  SpaceKind kind = SpaceKind::kSmall;
  /// Of kSmall; empty: `steps` equal steps up to the model's own (depths: every depth; widths: the
  /// model's own alone). Of kMedium: `groups` and `neurons` of a layer, 0 added.
  std::vector<std::int64_t> depths = {}, groups = {}, neurons = {}, widths = {};
  std::int64_t steps = 8;
  SizeMetric size = SizeMetric::kParameters;
  std::int64_t tokens = 128;
  LatencyModel latency = {};  ///< of kLatency, which needs one
};

class NetworkSpace {
 public:
  /// `layers`: all of the model, most important first (kSmall keeps the first so many). Throws
  /// UserError for values that the model does not have, with those that it has, and for layers of
  /// different shapes where one number is to hold for all.
  NetworkSpace(const ModelSpec& spec, const SpaceSettings& settings,
               std::vector<std::int64_t> layers);
  NetworkSpace(const NetworkSpace&) = delete;
  NetworkSpace& operator=(const NetworkSpace&) = delete;

  [[nodiscard]] const search::Space& space() const { return space_; }
  /// Layers of which nothing stays are left out. Where that is all of them, the most important one
  /// keeps the least that the space has for it: without any layer there is no network.
  [[nodiscard]] SubNetwork network(const search::Point& point) const;
  /// Size of the smallest point: what embeddings, head and the least layers are.
  [[nodiscard]] double floor() const;

 private:
  [[nodiscard]] double amount(const ModelSpec& spec) const;
  [[nodiscard]] SubNetwork of_one_size(const std::vector<std::int64_t>& values) const;
  [[nodiscard]] SubNetwork of_each_layer(const std::vector<std::int64_t>& values) const;
  [[nodiscard]] LayerPart least_layer() const;
  [[nodiscard]] SubNetwork of_bits(const std::vector<std::int64_t>& values) const;

  ModelSpec spec_;
  SpaceSettings settings_;
  std::vector<std::int64_t> layers_;
  double whole_ = 0;
  search::Space space_;
};

}  // namespace assay::subnetwork
