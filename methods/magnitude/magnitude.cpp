#include "methods/magnitude/magnitude.h"

#include <ATen/ops/abs.h>

#include "harness/method/masks.h"
#include "harness/method/parts.h"

namespace assay {
namespace {

ParamSpec scope_param() {
  ParamSpec spec;
  spec.name = "scope";
  spec.type = ParamType::kChoice;
  spec.default_value = "layer";
  spec.choices = {"layer", "output"};
  spec.help = "Weights compete within their matrix ('layer') or within their row ('output')";
  return spec;
}

class Magnitude final : public PruningMethod {
 public:
  [[nodiscard]] MethodInfo info() const override {
    MethodInfo info;
    info.name = "magnitude";
    info.summary = "Removes the weights with the smallest absolute values, without data";
    info.citation = "Han et al., Learning both Weights and Connections, NIPS 2015";
    info.params = sparsity_params();
    info.params.push_back(scope_param());
    info.params.push_back(parts_param());
    return info;
  }

  [[nodiscard]] Artefact fit(const Model& model, FitContext& context,
                             const Params& params) const override {
    const SparsityTarget target = sparsity_target(params);
    const Scope scope = params.get_text("scope") == "output" ? Scope::kRow : Scope::kMatrix;
    PrunedWeights pruned(context);
    for (std::int64_t index = 0; index < model.layer_count(); ++index) {
      context.progress(index, model.layer_count(), "magnitudes");
      const Layer layer = model.layers()[static_cast<std::size_t>(index)].clone();
      for (const Slot slot : layer.slots()) {
        const DenseLinear& linear = layer.dense(slot);
        if (!in_parts(params, slot)) {
          pruned.leave(index, slot, linear.weight());
          continue;
        }
        const at::Tensor weight = weight_for_fit(linear);
        pruned.prune(index, slot, linear.weight(), magnitude_keep(weight, target, scope));
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
