#pragma once
// The stages of a fit, in their order.

#include "harness/method/method.h"

namespace assay::cofi {

inline constexpr const char* kPrune = "prune";
inline constexpr const char* kFinetune = "finetune";

/// Trains gates and weights, settles the gates and cuts out what they close: what stays and the
/// weights of it that changed (harness/subnetwork/network_artefact.h).
Artefact prune(const Model& model, FitContext& context, const Params& params);
/// The same after the extracted model learnt from the whole one for some epochs more.
Artefact finetune(const Model& model, FitContext& context, const Params& params);

}  // namespace assay::cofi
