#pragma once
// An encoder whose first layers run sequence by sequence and whose others run for groups: made,
// kept, made again.

#include "harness/base/json.h"
#include "harness/method/method.h"
#include "harness/mux/rev_mux_input.h"
#include "harness/mux/rev_mux_output.h"
#include "methods/revmux/settings.h"

namespace assay::revmux {

/// Moves the first layers of a classifier into its input and puts adapters, drawn from the seed,
/// behind them and behind the last layer -> the input, which the model owns. Throws DoesNotApply,
/// and leaves the model as it was, where a method has replaced the input, the output or blocks of
/// those layers.
mux::RevMuxInput& multiplex(Model& model, const RevShape& shape, std::uint64_t seed);

/// The output of such a model.
const mux::RevMuxOutput& output_of(const Model& model);

/// A tensor of the adapters.
bool is_adapter(const Parameter& parameter);

/// plan["shape"]: what apply_multiplexed() makes the blocks from before it fills them;
/// plan["labels"] of a classifier that the model got.
Json plan_of(const RevShape& shape);
void apply_multiplexed(Model& model, const Artefact& artefact);

inline constexpr const char* kLabels = "labels";

}  // namespace assay::revmux
