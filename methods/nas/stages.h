#pragma once
// The stages of a fit, in their order. Each takes the artefacts of those before it from the
// context.

#include "harness/method/method.h"

namespace assay::nas {

inline constexpr const char* kSort = "sort";
inline constexpr const char* kLatency = "latency";
inline constexpr const char* kGrid = "grid";
inline constexpr const char* kSuper = "super_network";
inline constexpr const char* kSearch = "search";
inline constexpr const char* kFront = "front";
inline constexpr const char* kPick = "pick";

/// Orders of units and layers (harness/subnetwork/orders.h); no tensors but the layers' where
/// nothing is sorted.
Artefact sort_units(const Model& model, FitContext& context, const Params& params);
/// With cost = "latency". plan["timed"]: networks with their times over the whole one's; ["model"]:
/// what tells the times of others (latency.h).
Artefact time_networks(const Model& model, FitContext& context, const Params& params);
/// plan["networks"]: the smallest network, the winner of each bin that was reached, and the largest
/// one, each a list of values; empty without a grid.
Artefact calibrate_grid(const Model& model, FitContext& context, const Params& params);
/// Parameters that training changed, of the ordered model; plan["labels"] of a new classifier.
Artefact train_super(const Model& model, FitContext& context, const Params& params);
/// plan["evaluations"], ["front"], ["reference"], ["hypervolume"] (docs/search.md).
Artefact search_networks(const Model& model, FitContext& context, const Params& params);
/// With cost = "latency". plan["front"]: index of an evaluation, and its time over the whole
/// network's.
Artefact time_front(const Model& model, FitContext& context, const Params& params);
/// What stays of the model (harness/subnetwork/network_artefact.h), with the parameters of the
/// result that training changed.
Artefact pick_network(const Model& model, FitContext& context, const Params& params);

/// What pick_network() says, done to a model.
void apply_network(Model& model, const Artefact& artefact);

}  // namespace assay::nas
