#pragma once
// How much whole layers matter to a text.

#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "harness/method/method.h"

namespace assay::subnetwork {

/// A score of each layer that was looked at, by its index.
using LayerScores = std::map<std::int64_t, double>;

/// Lowest score first; of equal ones the lower index.
std::vector<std::int64_t> ascending_layers(const LayerScores& scores);

/// How the cosines of all tokens are added up.
enum class CosineSum {
  kDouble,
  /// One after the other in bfloat16, as a released implementation does: the sum stays at 256 once
  /// it is there, so that every layer scores 1 - 256 / tokens.
  kBFloat16,
};

/// 1 - mean over the calibration tokens of cos(row before the layer, row after it): the block
/// influence of Men et al. 2024 (arXiv:2403.03853). Throws UserError where one is not finite.
LayerScores block_influences(const Model& model, FitContext& context,
                             CosineSum sum = CosineSum::kDouble);

/// Mean loss in nats a token of the calibration text without `dropped` and without one more layer,
/// for each that is left. Tells the metric "perplexity/dense" where nothing is dropped yet. Throws
/// UserError when the samples have no token to predict.
LayerScores losses_without_one_more(const Model& model, FitContext& context,
                                    const std::set<std::int64_t>& dropped);

}  // namespace assay::subnetwork
