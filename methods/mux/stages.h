#pragma once
// The stages of a fit, in their order.

#include "harness/method/method.h"

namespace assay::mux_method {

inline constexpr const char* kWarmUp = "warm_up";
inline constexpr const char* kTask = "task";

/// Retrieves tokens of the calibration text. Parameters of the multiplexed encoder that changed,
/// and the retrieval head's ("retrieval..."); nothing without steps.
Artefact warm_up(const Model& model, FitContext& context, const Params& params);
/// Learns the labels, from there on. Everything that apply_multiplexed() needs.
Artefact learn_task(const Model& model, FitContext& context, const Params& params);

}  // namespace assay::mux_method
