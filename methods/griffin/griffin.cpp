// GRIFFIN (arXiv 2404.01365): a prompt chooses the neurons for what follows it.
#include <ATen/ops/tensor.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "harness/base/cell_errors.h"
#include "harness/base/python_random.h"
#include "harness/method/method.h"
#include "methods/griffin/griffin_ffn.h"

namespace assay {
namespace griffin {
namespace {

std::vector<ParamSpec> param_specs() {
  ParamSpec density;
  density.name = "density";
  density.default_value = 0.5;
  density.min = 0;
  density.max = 1;
  density.help = "Part of each layer's neurons that what follows a prompt uses; at least one";
  ParamSpec by;
  by.name = "by";
  by.type = ParamType::kChoice;
  by.default_value = "prompt";
  by.choices = {"prompt", "random"};
  by.help =
      "Which ones: those that the prompt used most, or any, the same for all prompts (control)";
  return {density, by};
}

std::string list_name(std::int64_t layer) { return fmt::format("layer.{}.neurons", layer); }

std::int64_t count_of(double density, std::int64_t neurons) {
  return std::max<std::int64_t>(1, std::llround(density * static_cast<double>(neurons)));
}

/// int64 [count], ascending
at::Tensor any_of(std::int64_t neurons, std::int64_t count, PythonRandom& random) {
  std::vector<std::int64_t> all(static_cast<std::size_t>(neurons));
  std::iota(all.begin(), all.end(), 0);
  random.shuffle(all);
  all.resize(static_cast<std::size_t>(count));
  std::sort(all.begin(), all.end());
  return at::tensor(all, at::kLong);
}

void require_dense_block(const Layer& layer, std::int64_t index) {
  const bool standard = dynamic_cast<StandardFfn*>(layer.ffn.get()) != nullptr;
  for (const Slot slot : {Slot::kGate, Slot::kUp, Slot::kDown}) {
    const Linear* linear = standard ? layer.ffn->linear(slot) : nullptr;
    if (standard && (linear == nullptr || dynamic_cast<const DenseLinear*>(linear) != nullptr)) {
      continue;
    }
    throw DoesNotApply(fmt::format(
        "layer {}: griffin gathers the neurons of dense matrices, and another method has replaced "
        "this feed-forward block; apply griffin to a model with dense ones",
        index));
  }
}

/// The layer's block, which the new one takes over.
std::unique_ptr<StandardFfn> take_block(Layer& layer, std::int64_t index) {
  require_dense_block(layer, index);
  return std::unique_ptr<StandardFfn>(static_cast<StandardFfn*>(layer.ffn.release()));
}

class Griffin final : public Method {
 public:
  [[nodiscard]] MethodInfo info() const override {
    MethodInfo info;
    info.name = "griffin";
    info.summary = "Decodes with the neurons that the prompt used most";
    info.citation =
        "Dong et al., Prompt-prompted Adaptive Structured Pruning for Efficient LLM Generation, "
        "COLM 2024, arXiv 2404.01365";
    info.params = param_specs();
    info.requires_ = {{"causal", "==", true, "an encoder has no prompt that something follows"},
                      {"output", "==", "vocabulary"}};
    return info;
  }

  [[nodiscard]] Artefact fit(const Model& model, FitContext& context,
                             const Params& params) const override {
    const double density = params.get_real("density");
    Artefact artefact;
    artefact.plan["density"] = density;
    PythonRandom random(context.seed());
    std::int64_t kept = 0, all = 0;
    for (std::int64_t i = 0; i < model.layer_count(); ++i) {
      const LayerShape shape = model.spec().layer(i);
      if (!shape.has_ffn) continue;
      const std::int64_t count = count_of(density, shape.ffn_width);
      if (count < shape.ffn_width) {
        require_dense_block(model.layers()[static_cast<std::size_t>(i)], i);
      }
      kept += count;
      all += shape.ffn_width;
      if (params.get_text("by") == "random") {
        artefact.tensors[list_name(i)] = any_of(shape.ffn_width, count, random);
      }
    }
    context.metric("neuron_share", static_cast<double>(kept) / static_cast<double>(all));
    return artefact;
  }

  void apply(Model& model, const Artefact& artefact) const override {
    const auto density = artefact.plan.at("density").get<double>();
    for (std::int64_t i = 0; i < model.layer_count(); ++i) {
      const LayerShape shape = model.spec().layer(i);
      if (!shape.has_ffn) continue;
      const std::int64_t count = count_of(density, shape.ffn_width);
      if (count == shape.ffn_width) continue;  // nothing to choose
      const auto list = artefact.tensors.find(list_name(i));
      const at::Tensor fixed =
          list == artefact.tensors.end() ? at::Tensor() : list->second.to(model.device());
      Layer& layer = model.layers()[static_cast<std::size_t>(i)];
      layer.ffn = std::make_unique<GriffinFfn>(take_block(layer, i), count, fixed);
    }
  }
};

}  // namespace
}  // namespace griffin

void register_griffin(MethodRegistry& registry) {
  registry.add(std::make_unique<griffin::Griffin>());
}

}  // namespace assay
