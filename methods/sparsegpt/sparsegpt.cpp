// SparseGPT (Frantar and Alistarh, 2023): second-order pruning with weight update. The mathematics
// is in harness/method/optimal_brain_surgeon.h.
#include <fmt/format.h>

#include "harness/method/chosen_blocks.h"
#include "harness/method/layerwise.h"
#include "harness/method/masks.h"
#include "harness/method/optimal_brain_surgeon.h"

namespace assay {
namespace {

std::vector<ParamSpec> sparsegpt_params() {
  std::vector<ParamSpec> params = sparsity_params();
  ParamSpec block_size;
  block_size.name = "block_size";
  block_size.type = ParamType::kInt;
  block_size.default_value = 128;
  block_size.min = 1;
  block_size.unit = "columns";
  block_size.help = "Columns that share one threshold and are updated together";
  params.insert(params.end(), {block_size, damping_param(), blocks_param(), calibrate_on_param()});
  return params;
}

class SparseGpt final : public PruningMethod {
 public:
  [[nodiscard]] MethodInfo info() const override {
    MethodInfo info;
    info.name = "sparsegpt";
    info.summary = "Prunes column by column and updates the remaining weights (second order)";
    info.citation =
        "Frantar and Alistarh, SparseGPT: Massive Language Models Can Be Accurately Pruned in "
        "One-Shot, ICML 2023, arXiv 2301.00774";
    info.params = sparsegpt_params();
    info.takes_experts = true;
    info.needs.calibration = true;
    return info;
  }

  [[nodiscard]] Artefact fit(const Model& model, FitContext& context,
                             const Params& params) const override {
    const SparsityTarget target = sparsity_target(params);
    const ObsOptions obs{params.get_int("block_size"), params.get_real("damping")};
    const LayerwiseOptions options{calibrate_on_value(params), /*with_gram=*/true};
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
            const at::Tensor hessian = inputs.input_of(place).gram().mul(2);
            pruned.replace(index, place, linear.weight(),
                           obs_prune(weight_for_fit(linear), hessian, target, obs,
                                     warn_of_retry(context, slot_path(index, place))));
          }
        });
    return pruned.finish();
  }
};

}  // namespace

void register_sparsegpt(MethodRegistry& registry) { registry.add(std::make_unique<SparseGpt>()); }

}  // namespace assay
