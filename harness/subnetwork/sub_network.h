#pragma once
// Sub-networks of a pretrained model, which is their super-network: fewer layers, heads, neurons
// and dimensions, with the weights that were there.

#include <cstdint>
#include <vector>

#include "harness/base/json.h"
#include "harness/checkpoint/spec.h"

namespace assay::subnetwork {

/// What stays of a layer. Indices of the super-network's units, ascending; an empty list leaves the
/// sub-layer out: the residual stream passes by, without its norm.
struct LayerPart {
  std::int64_t layer = 0;
  std::vector<std::int64_t> groups;  ///< key/value heads, each with all query heads that read it
  std::vector<std::int64_t> neurons;
  bool operator==(const LayerPart&) const = default;
};

struct SubNetwork {
  std::vector<std::int64_t> dimensions;  ///< of the residual stream; ascending, at least one
  /// Ascending, at least one; the others, and those of which nothing stays, are not there.
  std::vector<LayerPart> layers;
  bool operator==(const SubNetwork&) const = default;
};

/// 0, 1, ..., count - 1.
std::vector<std::int64_t> first_units(std::int64_t count);

/// The super-network itself.
SubNetwork whole_network(const ModelSpec& spec);

/// Which of the super-network's layers are there.
std::vector<std::int64_t> layer_numbers(const SubNetwork& part);

/// Throws UserError saying what is not a part of a model like this: an index that is missing or out
/// of order, or heads of a model with ALiBi, whose slopes go by their number.
void require_part_of(const ModelSpec& spec, const SubNetwork& part);

/// The spec of what extract() leaves.
ModelSpec spec_of_part(const ModelSpec& spec, const SubNetwork& part);

/// {"dimensions": 576, "layers": [{"layer": 0, "groups": 3, "neurons": [0, 2]}]}: a number stands
/// for the first so many.
Json to_json(const SubNetwork& part);

}  // namespace assay::subnetwork
