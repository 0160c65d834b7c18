#pragma once
// A sub-network as a model of its own.

#include "harness/model/model.h"
#include "harness/subnetwork/sub_network.h"

namespace assay::subnetwork {

/// Leaves of the model what the part names. Of a model that shares its tensors with another
/// (Model::share), the other stays whole, and gradients of the part's outputs reach its tensors.
/// Throws as require_part_of() does, and DoesNotApply where a method replaced a block.
void extract(Model& model, const SubNetwork& part);

}  // namespace assay::subnetwork
