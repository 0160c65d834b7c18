#pragma once
// A network of the model as an artefact: which units stay, and weights that training changed.

#include "harness/method/method.h"
#include "harness/subnetwork/sub_network.h"

namespace assay::subnetwork {

/// plan["layers"]: those that stay. Tensors "layer.3.neurons", "layer.3.head_groups" and
/// "dimensions": int64, what stays of a layer or of the width where that is not all; empty: the
/// block goes.
Artefact to_artefact(const ModelSpec& spec, const SubNetwork& network);
/// Reverses it for a model of this spec.
SubNetwork network_of(const ModelSpec& spec, const Artefact& artefact);

/// Cuts the network out of the model and puts in the weights that the artefact has under the names
/// of its parameters.
void apply_network(Model& model, const Artefact& artefact);

}  // namespace assay::subnetwork
