#pragma once
// An encoder under gates: what gates multiply is folded into its weights, and what they close is
// cut out. The model under gates and the one that is extracted from it are the same by
// construction.

#include "harness/gates/gate_set.h"
#include "harness/model/model.h"
#include "harness/subnetwork/sub_network.h"

namespace assay::gates {

/// Throws DoesNotApply for layers of different shapes, for heads that share keys, and for a block
/// that is missing.
GateShape gate_shape(const ModelSpec& spec);

/// Heads and neurons whose gates are open, in layers whose gates are open, and the dimensions of
/// the residual stream whose gates are. A sub-layer without units is gone, and so is a layer
/// without sub-layers. Where that is all, the most open head of the first layer stays, and the most
/// open dimension where all are closed: without any there is no network.
subnetwork::SubNetwork open_network(const ModelSpec& spec, const GateSet& gates);

/// The open network with gates folded in: columns of o by their head's, o and its bias by the
/// attention's; columns of down by their neuron's, down and its bias by the FFN's; and by those of
/// the width the residual stream, wherever something is added to it or it is normed (Xia et al.
/// 2022, arXiv:2204.00408, section 3.1; scale_width() in harness/model/slicing.h). Norms are over
/// the dimensions that stay. Shares the other tensors with `model`; gradients reach both the
/// weights and the gates. A model of a part of the layers has the others' numbers moved up. Throws
/// DoesNotApply where dimensions cannot be cut.
Model gated_model(const Model& model, const GateSet& gates);
/// The same where the open network is known.
Model gated_model(const Model& model, const GateSet& gates, const subnetwork::SubNetwork& network);

}  // namespace assay::gates
