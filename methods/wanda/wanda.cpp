#include "methods/wanda/wanda.h"

#include <ATen/ops/abs.h>

#include "harness/method/chosen_blocks.h"
#include "harness/method/layerwise.h"
#include "harness/method/masks.h"

namespace assay {
namespace {

std::vector<ParamSpec> wanda_params() {
  std::vector<ParamSpec> params = sparsity_params();
  ParamSpec variant;
  variant.name = "variant";
  variant.type = ParamType::kBool;
  variant.default_value = false;
  variant.help = "Let every row have its own sparsity, with one share of the score for all rows";
  params.insert(params.end(),
                {scope_param(Scope::kRow), variant, blocks_param(), calibrate_on_param()});
  return params;
}

class Wanda final : public PruningMethod {
 public:
  [[nodiscard]] MethodInfo info() const override {
    MethodInfo info;
    info.name = "wanda";
    info.summary = "Removes the weights with the smallest |weight| x input norm, per output";
    info.citation =
        "Sun et al., A Simple and Effective Pruning Approach for Large Language Models, ICLR 2024, "
        "arXiv 2306.11695";
    info.params = wanda_params();
    info.takes_experts = true;
    info.needs.calibration = true;
    return info;
  }

  [[nodiscard]] std::vector<std::string> unmet(const ModelSpec& spec,
                                               const Params& params) const override {
    std::vector<std::string> problems = PruningMethod::unmet(spec, params);
    if (params.get_bool("variant") && params.get_text("pattern") != "unstructured") {
      problems.push_back(
          "variant = true chooses a sparsity for every row; it needs pattern = "
          "'unstructured'");
    }
    return problems;
  }

  [[nodiscard]] Artefact fit(const Model& model, FitContext& context,
                             const Params& params) const override {
    const SparsityTarget target = sparsity_target(params);
    const Scope scope = scope_value(params);
    const bool variant = params.get_bool("variant");
    LayerwiseOptions options;
    options.calibrate_on = calibrate_on_value(params);
    PrunedWeights pruned(context);
    prune_layer_by_layer(
        model, context, options,
        [&](std::int64_t index, const Layer& layer, const LayerStatistics& inputs) {
          for (const SlotPlace& place : layer.places()) {
            const DenseLinear& linear = layer.dense(place);
            if (!in_blocks(params, place)) {
              pruned.leave(index, place, linear.weight());
              continue;
            }
            const at::Tensor scores =
                wanda_scores(weight_for_fit(linear), inputs.input_of(place).square_norm());
            require_finite_scores(scores, slot_path(index, place));
            pruned.prune(index, place, linear.weight(),
                         variant ? wanda_adaptive_keep(scores, target.ratio)
                                 : keep_by_target(scores, target, scope));
          }
        });
    return pruned.finish();
  }
};

}  // namespace

at::Tensor wanda_scores(const at::Tensor& weight, const at::Tensor& square_norm) {
  return at::abs(weight).mul_(square_norm.sqrt().unsqueeze(0));
}

void register_wanda(MethodRegistry& registry) { registry.add(std::make_unique<Wanda>()); }

}  // namespace assay
