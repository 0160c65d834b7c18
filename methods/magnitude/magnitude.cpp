#include "methods/magnitude/magnitude.h"

#include <ATen/ops/abs.h>

#include "harness/method/chosen_blocks.h"
#include "harness/method/masks.h"

namespace assay {
namespace {

class Magnitude final : public PruningMethod {
 public:
  [[nodiscard]] MethodInfo info() const override {
    MethodInfo info;
    info.name = "magnitude";
    info.summary = "Removes the weights with the smallest absolute values, without data";
    info.citation = "Han et al., Learning both Weights and Connections, NIPS 2015";
    info.params = sparsity_params();
    info.params.push_back(scope_param(Scope::kMatrix));
    info.params.push_back(blocks_param());
    info.takes_experts = true;
    return info;
  }

  [[nodiscard]] Artefact fit(const Model& model, FitContext& context,
                             const Params& params) const override {
    const SparsityTarget target = sparsity_target(params);
    const Scope scope = scope_value(params);
    PrunedWeights pruned(context);
    for (std::int64_t index = 0; index < model.layer_count(); ++index) {
      context.progress(index, model.layer_count(), "magnitudes");
      const Layer layer = model.layers()[static_cast<std::size_t>(index)].clone();
      for (const SlotPlace& place : layer.places()) {
        const DenseLinear& linear = layer.dense(place);
        if (!in_blocks(params, place)) {
          pruned.leave(index, place, linear.weight());
          continue;
        }
        const at::Tensor weight = weight_for_fit(linear);
        pruned.prune(index, place, linear.weight(), magnitude_keep(weight, target, scope));
      }
    }
    return pruned.finish();
  }
};

}  // namespace

at::Tensor magnitude_keep(const at::Tensor& weight, const SparsityTarget& target, Scope scope) {
  return keep_by_target(at::abs(weight), target, scope);
}

void register_magnitude(MethodRegistry& registry) { registry.add(std::make_unique<Magnitude>()); }

}  // namespace assay
