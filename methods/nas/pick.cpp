#include <fmt/format.h>

#include <limits>
#include <optional>

#include "harness/base/cell_errors.h"
#include "harness/method/masks.h"
#include "harness/subnetwork/counters.h"
#include "harness/subnetwork/extract.h"
#include "harness/train/training_forms.h"
#include "methods/nas/networks.h"
#include "methods/nas/picked.h"
#include "methods/nas/settings.h"
#include "methods/nas/stages.h"

namespace assay::nas {
namespace {

using subnetwork::SubNetwork;

constexpr std::uint64_t kAnySeed = 0;  ///< of a classifier that stored weights fill
/// Sizes are sums of counts as shares: equal ones may differ in their last bits.
constexpr double kSameSize = 1e-12;

/// The best of those that are small enough, judged with all data.
const Json& best_within(const Json& searched, double target) {
  const Json* best = nullptr;
  double smallest = std::numeric_limits<double>::infinity();
  for (const Json& evaluation : searched.at("evaluations")) {
    if (evaluation.at("fidelity") != 1 || evaluation.at("quality").is_null()) continue;
    const auto cost = evaluation.at("cost").get<double>();
    smallest = std::min(smallest, cost);
    if (cost > target + kSameSize) continue;
    if (best == nullptr || evaluation.at("quality") < best->at("quality")) best = &evaluation;
  }
  if (best != nullptr) return *best;
  throw DoesNotApply(fmt::format(
      "target = {}: the smallest network that the search judged has {:.4f} of the size (the space "
      "goes down to {:.4f}); raise the target, or give the search more evaluations",
      target, smallest, searched.at("floor").get<double>()));
}

void tell(FitContext& context, const Json& picked, const ModelSpec& spec) {
  context.metric("pick/quality", picked.at("quality").get<double>());
  context.metric("pick/cost", picked.at("cost").get<double>());
  context.metric("pick/parameters", static_cast<double>(subnetwork::parameter_count(spec)));
  context.metric("pick/layers", static_cast<double>(spec.layers));
  context.metric("pick/width", static_cast<double>(spec.width));
  for (std::int64_t l = 0; l < spec.layers; ++l) {
    const LayerShape& shape = spec.layer(l);
    context.metric(fmt::format("pick/groups/layer.{}", l),
                   static_cast<double>(shape.has_attention ? shape.kv_heads : 0));
    context.metric(fmt::format("pick/neurons/layer.{}", l),
                   static_cast<double>(shape.has_ffn ? shape.ffn_width : 0));
  }
}

}  // namespace

Artefact pick_network(const Model& model, FitContext& context, const Params& params) {
  const Artefact &sort = context.input(kSort), &trained = context.input(kSuper);
  const Json& picked = best_within(context.input(kSearch).plan, params.get_real("target"));
  Model super = super_network(model, sort, trained, context.seed());
  const subnetwork::NetworkSpace space(super.spec(), space_settings(params),
                                       orders_of(sort).layers);
  const SubNetwork network = space.network(search::point_from_values(
      space.space(), picked.at("values").get<std::vector<std::int64_t>>()));
  tell(context, picked, subnetwork::spec_of_part(super.spec(), network));
  Artefact artefact = to_artefact(model.spec(), in_model_order(network, orders_of(sort)));
  if (trained.tensors.empty()) return artefact;
  if (trained.plan.contains(kLabels)) artefact.plan[kLabels] = trained.plan.at(kLabels);
  Model untrained = model.clone();
  apply_network(untrained, artefact);
  subnetwork::extract(super, network);
  restore_order(super, network, orders_of(sort));
  for (auto& [name, tensor] : changed_parameters(untrained, super)) {
    artefact.tensors[name] = tensor;
  }
  return artefact;
}

void apply_network(Model& model, const Artefact& artefact) {
  const subnetwork::SubNetwork network = network_of(model.spec(), artefact);
  add_planned_classifier(model, artefact.plan, kAnySeed);
  subnetwork::extract(model, network);
  Artefact weights;
  for (const auto& [name, tensor] : artefact.tensors) {
    if (parameter_from_name(name)) weights.tensors[name] = tensor;
  }
  apply_pruned_weights(model, weights);
}

}  // namespace assay::nas
