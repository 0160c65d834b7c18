#pragma once
// Which layers a model can do without.

#include <cstdint>
#include <vector>

#include "harness/method/method.h"
#include "harness/subnetwork/layer_importance.h"

namespace assay::shortgpt {

using subnetwork::LayerScores;

/// Layers in the order in which they go, and the scores that said so.
struct Choice {
  std::vector<std::int64_t> dropped;
  std::vector<LayerScores> rounds;  ///< one round of scores, or one before each drop
};

/// The layers of the smallest influence, all chosen from the unchanged model.
Choice choose_by_influence(const Model& model, FitContext& context, std::int64_t count);

/// Scores are the mean loss in nats a token of the calibration text, without the layer. The best
/// one goes, and the layers that are left are scored again. Throws UserError when the samples have
/// no token to predict.
Choice choose_by_perplexity(const Model& model, FitContext& context, std::int64_t count);

/// Any `count` of `layers`, each choice as likely as any other.
Choice choose_at_random(std::int64_t layers, std::uint64_t seed, std::int64_t count);

}  // namespace assay::shortgpt
