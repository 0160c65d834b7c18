#pragma once
// A network of the model as an artefact: which units stay, and weights that training changed.

#include "harness/method/method.h"
#include "harness/subnetwork/sub_network.h"

namespace assay::nas {

/// plan["layers"]: those that stay. Tensors "layer.3.neurons", "layer.3.head_groups" and
/// "dimensions": int64, what stays of a layer or of the width where that is not all; empty: the
/// block goes.
Artefact to_artefact(const ModelSpec& spec, const subnetwork::SubNetwork& network);
/// Reverses it for a model of this spec.
subnetwork::SubNetwork network_of(const ModelSpec& spec, const Artefact& artefact);

}  // namespace assay::nas
