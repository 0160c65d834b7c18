#pragma once
// The super-network as later stages see it, and the data that they judge by.

#include <memory>
#include <optional>

#include "harness/method/method.h"
#include "harness/subnetwork/material.h"
#include "harness/subnetwork/orders.h"

namespace assay::nas {

/// What the sort stage found.
subnetwork::Orders orders_of(const Artefact& sort);

/// The model with its units in that order. An encoder without a classifier stays without one.
Model ordered_model(const Model& model, const Artefact& sort);

/// The same with what training changed, a classifier that it got included.
Model super_network(const Model& model, const Artefact& sort, const Artefact& trained,
                    std::uint64_t seed);

/// Data to train on, and its last part, which nothing trains on.
struct Materials {
  std::unique_ptr<subnetwork::Material> train, held_out;
};
/// Throws UserError where nothing would be left of either, and as require_items_for() does.
Materials materials_of(const Model& model, FitContext& context, const Params& params);
/// The held-out part alone.
std::unique_ptr<subnetwork::Material> held_out_material(const Model& model, FitContext& context,
                                                        const Params& params);

/// Key of an artefact's plan: names of the classes of a classifier that training added.
inline constexpr const char* kLabels = "labels";
/// Adds the classifier of such a plan.
void add_planned_classifier(Model& model, const Json& plan, std::uint64_t seed);

}  // namespace assay::nas
