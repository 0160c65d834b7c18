#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <vector>

#include "harness/base/cell_errors.h"
#include "harness/subnetwork/counters.h"
#include "harness/subnetwork/extract.h"
#include "harness/subnetwork/network_artefact.h"
#include "harness/train/training_forms.h"
#include "methods/nas/networks.h"
#include "methods/nas/settings.h"
#include "methods/nas/stages.h"

namespace assay::nas {
namespace {

using subnetwork::SubNetwork;

constexpr std::uint64_t kAnySeed = 0;  ///< of a classifier that stored weights fill
/// Sizes are sums of counts as shares: equal ones may differ in their last bits.
constexpr double kSameSize = 1e-12;

/// A network that may be picked, and its size.
struct Candidate {
  const Json* evaluation = nullptr;
  double cost = 0;
};

/// What was judged with all data.
std::vector<Candidate> judged_networks(const Json& searched) {
  std::vector<Candidate> candidates;
  for (const Json& evaluation : searched.at("evaluations")) {
    if (evaluation.at("fidelity") != 1 || evaluation.at("quality").is_null()) continue;
    candidates.push_back({&evaluation, evaluation.at("cost").get<double>()});
  }
  return candidates;
}

/// The front by ascending size, each with the size that it was told to have.
std::vector<Candidate> front_networks(const Json& searched) {
  std::vector<Candidate> candidates;
  for (const Json& index : searched.at("front")) {
    const Json& evaluation = searched.at("evaluations").at(index.get<std::size_t>());
    candidates.push_back({&evaluation, evaluation.at("cost").get<double>()});
  }
  return candidates;
}

/// The same with the times that the front stage took.
std::vector<Candidate> timed_networks(const Json& searched, const Json& timed) {
  std::vector<Candidate> candidates;
  for (const Json& one : timed.at("front")) {
    const auto index = one.at("evaluation").get<std::size_t>();
    candidates.push_back({&searched.at("evaluations").at(index), one.at("timed").get<double>()});
  }
  return candidates;
}

/// The best of those that are small enough.
Candidate best_within(const std::vector<Candidate>& candidates, double target, double floor) {
  Candidate best;
  double smallest = std::numeric_limits<double>::infinity();
  for (const Candidate& one : candidates) {
    smallest = std::min(smallest, one.cost);
    if (one.cost > target + kSameSize) continue;
    const bool better = best.evaluation == nullptr ||
                        one.evaluation->at("quality") < best.evaluation->at("quality");
    if (better) best = one;
  }
  if (best.evaluation != nullptr) return best;
  throw DoesNotApply(fmt::format(
      "target = {}: the smallest network that the search judged has {:.4f} of the size (the space "
      "goes down to {:.4f}); raise the target, or give the search more evaluations",
      target, smallest, floor));
}

Candidate point_of(const std::vector<Candidate>& front, std::int64_t point) {
  if (point <= std::ssize(front)) return front[static_cast<std::size_t>(point - 1)];
  throw DoesNotApply(fmt::format("front_point = {}: the front of this search has {} networks",
                                 point, front.size()));
}

Candidate picked_network(FitContext& context, const Params& params) {
  const Json& searched = context.input(kSearch).plan;
  const bool timed = by_latency(params);
  const std::int64_t point = params.get_int("front_point");
  std::vector<Candidate> candidates;
  if (timed) {
    candidates = timed_networks(searched, context.input(kFront).plan);
  } else {
    candidates = point > 0 ? front_networks(searched) : judged_networks(searched);
  }
  if (point > 0) return point_of(candidates, point);
  return best_within(candidates, params.get_real("target"), searched.at("floor").get<double>());
}

void tell(FitContext& context, const Candidate& picked, const ModelSpec& spec) {
  context.metric("pick/quality", picked.evaluation->at("quality").get<double>());
  context.metric("pick/cost", picked.cost);
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
  const Candidate picked = picked_network(context, params);
  Model super = super_network(model, sort, trained, context.seed());
  const subnetwork::NetworkSpace space(super.spec(), space_settings(params),
                                       orders_of(sort).layers);
  const SubNetwork network = space.network(search::point_from_values(
      space.space(), picked.evaluation->at("values").get<std::vector<std::int64_t>>()));
  tell(context, picked, subnetwork::spec_of_part(super.spec(), network));
  Artefact artefact =
      subnetwork::to_artefact(model.spec(), in_model_order(network, orders_of(sort)));
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
  add_planned_classifier(model, artefact.plan, kAnySeed);
  subnetwork::apply_network(model, artefact);
}

}  // namespace assay::nas
