#include "harness/subnetwork/super_training.h"

#include <vector>

#include "harness/checkpoint/spec_json.h"
#include "harness/train/generators.h"

namespace assay::subnetwork {
namespace {

struct StepPlan {
  FullNetwork full = FullNetwork::kTrained;
  bool smallest = false;
  std::int64_t drawn = 0;
};

StepPlan plan_of(const SuperTraining& settings, const StepPart& step, PythonRandom& random) {
  const std::int64_t drawn = settings.sub_networks;
  switch (settings.strategy) {
    case Strategy::kSandwich:
      return {.smallest = true, .drawn = drawn};
    case Strategy::kDrawn:
      return {.drawn = drawn};
    case Strategy::kRandom:
      return {.full = FullNetwork::kTeaches, .drawn = drawn};
    case Strategy::kRandomLinear:
      break;
  }
  // At step s of S the sub-networks have their turn with probability s / S.
  const bool sub = random.randint(0, step.steps - 1) < step.step;
  return sub ? StepPlan{.full = FullNetwork::kTeaches, .drawn = drawn} : StepPlan{};
}

double step_gradients(const Model& super, const Material& material, const SuperTraining& settings,
                      const StepPart& step) {
  PythonRandom random(next_seed());
  const StepPlan plan = plan_of(settings, step, random);
  std::vector<SubNetwork> parts;
  if (plan.smallest) parts.push_back(settings.smallest);
  for (std::int64_t i = 0; i < plan.drawn; ++i) parts.push_back(settings.draw(random));
  return add_step_gradients(super, material, step.items, parts, settings.distillation, plan.full,
                            step.share)
      .mean;
}

Json identity_of(const Model& super, const Material& material, const SuperTraining& settings) {
  return {{"what", "super_network"},
          {"model", super.content_hash()},
          {"spec", to_json(super.spec())},
          {"material", material.identity()},
          {"strategy", static_cast<int>(settings.strategy)},
          {"sub_networks", settings.sub_networks},
          {"label_weight", settings.distillation.label_weight},
          {"distill_weight", settings.distillation.distill_weight},
          {"temperature", settings.distillation.temperature},
          {"smallest", to_json(settings.smallest)},
          {"drawn_from", settings.identity},
          {"dropout", settings.parameters.dropout}};
}

}  // namespace

TrainResult train_super_network(Model& super, const Material& material,
                                const SuperTraining& settings, const TrainHooks& hooks) {
  TrainTask task;
  if (!hooks.checkpoints.empty()) task.identity = identity_of(super, material, settings);
  TrainedModel trained(super, settings.parameters);
  task.tensors = trained.tensors();
  task.items = material.items();
  task.accumulate = [&](const StepPart& step) {
    return step_gradients(super, material, settings, step);
  };
  TrainResult result = train(task, settings.loop, hooks);
  trained.finish();
  return result;
}

}  // namespace assay::subnetwork
