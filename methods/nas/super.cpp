#include <vector>

#include "harness/base/cell_errors.h"
#include "harness/train/loss_curve.h"
#include "harness/train/training_forms.h"
#include "methods/nas/networks.h"
#include "methods/nas/settings.h"
#include "methods/nas/stages.h"

namespace assay::nas {
namespace {

using subnetwork::NetworkSpace;
using subnetwork::SubNetwork;

void require_classifier(const Model& model) {
  const ModelSpec& spec = model.spec();
  if (spec.causal || spec.output == OutputKind::kClassifier) return;
  throw DoesNotApply(
      "this encoder has no classifier, and without training nothing tells its networks apart; set "
      "trains to 'all' or 'lora', or put finetune before nas");
}

/// The grid's networks, or any of the space.
std::function<SubNetwork(PythonRandom&)> drawn_from(const NetworkSpace& space, const Json& grid) {
  if (grid.empty()) {
    return [&space](PythonRandom& random) {
      return space.network(search::random_point(space.space(), random));
    };
  }
  std::vector<SubNetwork> networks;
  for (const Json& values : grid) {
    networks.push_back(space.network(
        search::point_from_values(space.space(), values.get<std::vector<std::int64_t>>())));
  }
  return [networks](PythonRandom& random) {
    return networks[static_cast<std::size_t>(random.randint(0, std::ssize(networks) - 1))];
  };
}

void tell(FitContext& context, const TrainResult& result) {
  tell_training(context, result);
  context.metric("train/seconds", result.seconds);
}

}  // namespace

Artefact train_super(const Model& model, FitContext& context, const Params& params) {
  Artefact artefact;
  if (trains(params) == Trains::kNone) {
    require_classifier(model);
    return artefact;
  }
  const Model ordered = ordered_model(model, context.input(kSort));
  Model super = ordered.clone();
  if (!model.spec().causal) {
    const std::vector<std::string>& labels = context.training().label_names;
    if (ensure_classifier(super, labels, context.seed())) artefact.plan[kLabels] = labels;
  }
  const Json& grid = context.input(kGrid).plan.at("networks");
  const NetworkSpace space(super.spec(), space_settings(params),
                           orders_of(context.input(kSort)).layers);
  subnetwork::SuperTraining settings =
      training_settings(params, context.seed(), model.spec().causal);
  settings.smallest = space.network(search::smallest_point(space.space()));
  settings.draw = drawn_from(space, grid);
  settings.identity = {{"space", search::space_identity(space.space())}, {"grid", grid}};
  if (trains(params) == Trains::kLora) {
    add_lora(super, lora_settings(params, context.seed()), [](std::int64_t, Slot) { return true; });
  }
  const TrainResult result = subnetwork::train_super_network(
      super, *materials_of(super, context, params).train, settings, hooks_of(context));
  merge_lora(super);
  tell(context, result);
  artefact.tensors = changed_parameters(ordered, super);
  return artefact;
}

}  // namespace assay::nas
