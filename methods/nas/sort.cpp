#include <ATen/ops/tensor.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "harness/subnetwork/orders.h"
#include "methods/nas/settings.h"
#include "methods/nas/stages.h"

namespace assay::nas {
namespace {

using subnetwork::LayerScores;

/// Highest score first; of equal ones the lower index.
std::vector<std::int64_t> most_important_first(LayerScores scores) {
  for (auto& [layer, score] : scores) score = -score;
  return subnetwork::ascending_layers(scores);
}

LayerScores layer_scores(const Model& model, FitContext& context, const SortSettings& settings) {
  if (settings.layers_by == LayersBy::kInfluence) {
    return subnetwork::block_influences(model, context, settings.influence_sum);
  }
  LayerScores losses = subnetwork::losses_without_one_more(model, context, {});
  for (auto& [layer, loss] : losses) loss = std::exp(loss);
  return losses;
}

std::vector<std::int64_t> layer_order(const Model& model, FitContext& context,
                                      const SortSettings& settings) {
  if (settings.layers_by == LayersBy::kPosition) {
    return subnetwork::first_units(model.layer_count());
  }
  const LayerScores scores = layer_scores(model, context, settings);
  const char* name =
      settings.layers_by == LayersBy::kInfluence ? "block_influence" : "perplexity/without_layer";
  for (const auto& [layer, score] : scores) {
    context.metric(fmt::format("{}/layer.{}", name, layer), score);
  }
  return most_important_first(scores);
}

}  // namespace

Artefact sort_units(const Model& model, FitContext& context, const Params& params) {
  const SortSettings settings = sort_settings(params);
  subnetwork::Orders orders;
  if (settings.sorts) {
    const subnetwork::Importance importance =
        subnetwork::measure_importance(model, context.calibration(), settings.importance,
                                       [&](std::int64_t done, std::int64_t total) {
                                         context.progress(done, total, "importance");
                                       });
    orders = subnetwork::orders_by(importance, model.spec(), settings.scope, settings.width);
  }
  orders.layers = layer_order(model, context, settings);
  Artefact artefact;
  artefact.tensors = subnetwork::to_tensors(orders);
  return artefact;
}

}  // namespace assay::nas
