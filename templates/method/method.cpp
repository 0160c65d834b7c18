#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/rand.h>

#include "harness/method/masks.h"
#include "harness/method/sparsity.h"

namespace assay {
namespace {

class @Name@ final : public PruningMethod {
 public:
  MethodInfo info() const override {
    MethodInfo info;
    info.name = "@name@";
    info.summary = "Removes weights by lot: the floor under every other method";
    info.params = sparsity_params();
    return info;
  }

  Artefact fit(const Model& model, FitContext& context, const Params& params) const override {
    at::Generator lot = at::make_generator<at::CPUGeneratorImpl>(context.seed());
    PrunedWeights pruned(context);
    for (std::int64_t i = 0; i < model.layer_count(); ++i) {
      const Layer layer = model.layers()[i].clone();
      for (const Slot slot : layer.slots()) {
        const at::Tensor weight = layer.dense(slot).weight();
        const at::Tensor scores = at::rand(weight.sizes(), lot);
        pruned.prune(i, slot, weight, keep_by_target(scores, sparsity_target(params), Scope::kRow));
      }
    }
    return pruned.finish();
  }
};

}  // namespace

void register_@name@(MethodRegistry& registry) { registry.add(std::make_unique<@Name@>()); }

}  // namespace assay
