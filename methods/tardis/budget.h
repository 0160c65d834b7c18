#pragma once
// Sharing a budget of exact computations among neurons and layers.

#include <cstddef>
#include <vector>

#include "methods/tardis/windows.h"

namespace assay {

enum class ThresholdPolicy {
  kUniform,         ///< the same coverage for every neuron of every layer
  kNeuron,          ///< each layer has the whole share; its neurons compete for it
  kLayerAndNeuron,  ///< the neurons of all layers compete
};

/// [neurons][options] of one layer.
using LayerOptions = std::vector<std::vector<WindowOption>>;
/// [neurons] of one layer.
using LayerChoice = std::vector<WindowOption>;

/// The lower convex hull of (fallback, error), by rising fallback; starts with the option of least
/// fallback. What a Lagrangian multiplier could choose.
std::vector<WindowOption> convex_hull(std::vector<WindowOption> options);

/// One option a neuron so that the mean fallback over all neurons is at most `fallback`. For
/// kNeuron and kLayerAndNeuron the options must be convex hulls; steps along them are taken where
/// they save most error for their fallback (the multiplier's sweep), until none fits any more. For
/// kUniform they must be all of window_options(); what the grid of coverages leaves of the budget
/// goes to the first neurons of each layer.
std::vector<LayerChoice> choose_windows(const std::vector<LayerOptions>& layers,
                                        ThresholdPolicy policy, double fallback);

/// Mean of the planned fallback; 0 for nothing.
double mean_fallback(const LayerChoice& choice);

}  // namespace assay
