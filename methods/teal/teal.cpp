// TEAL (arXiv 2408.14690): inputs of matrices that are small are zero; CATS (arXiv 2404.08763).
#include <fmt/format.h>

#include "harness/base/errors.h"
#include "harness/base/param_makers.h"
#include "harness/method/chosen_blocks.h"
#include "harness/method/method.h"
#include "methods/teal/blocks.h"
#include "methods/teal/fit.h"

namespace assay {
namespace teal {
namespace {

std::vector<ParamSpec> param_specs() {
  return {
      real_param("sparsity", 0.4, {.min = 0, .max = 1},
                 "Part of the entries of each input that is set to zero; with allocation = "
                 "'greedy' of each block's inputs, weighed by the bytes of the matrices"),
      choice_param("allocation", {"uniform", "greedy"},
                   "Every input gets the same sparsity, or the inputs of a layer share it so that "
                   "the layer's output changes least"),
      blocks_param(
          "Matrices whose inputs are thresholded: all of a layer's, or those of one of its "
          "two blocks"),
      choice_param("variant", {"teal", "cats"},
                   "Threshold the input of every matrix, or the activated gate of the feed-forward "
                   "block, which then computes the neurons above it"),
      choice_param("prompt", {"sparse", "dense"},
                   "Whether rows of a prompt are thresholded too, or use all of their entries"),
      real_param(
          "step", 0.05, {.min = 0.005, .max = 1},
          "With allocation = 'greedy': sparsity that one raise gives an input whose matrices "
          "have mean size"),
      count_param("allocation_samples", 8, 1, "samples",
                  "With allocation = 'greedy': calibration sequences that errors are measured on"),
  };
}

Place place_named(const std::string& name) {
  for (const Place place : {Place::kQkv, Place::kOut, Place::kFfn, Place::kDown, Place::kGate}) {
    if (name == place_name(place)) return place;
  }
  throw UserError("artefact of teal: there is no input '" + name + "'");
}

Thresholds stored_thresholds(const Artefact& artefact, const std::string& name) {
  const at::Tensor values = artefact.tensors.at(name).to(at::kCPU, at::kFloat).contiguous();
  Thresholds thresholds;
  const auto* value = values.const_data_ptr<float>();
  for (const auto& place : artefact.plan.at(name).get<std::vector<std::string>>()) {
    thresholds[place_named(place)] = *value++;
  }
  return thresholds;
}

class Teal final : public Method {
 public:
  [[nodiscard]] MethodInfo info() const override {
    MethodInfo info;
    info.name = "teal";
    info.summary = "Reads only the weights of the input entries that are large";
    info.citation =
        "Liu et al., Training-Free Activation Sparsity in Large Language Models, ICLR 2025, arXiv "
        "2408.14690; CATS: Lee et al., COLM 2024, arXiv 2404.08763";
    info.params = param_specs();
    info.requires_ = {{"causal", "==", true,
                       "what it saves is the reading of weights for one token at a time, and an "
                       "encoder has all of a text at once"}};
    info.needs.calibration = true;
    info.stages = {
        {.name = kMagnitudes, .params = {}, .inputs = {}, .calibration = true},
        {.name = "thresholds",
         .params = {"sparsity", "allocation", "blocks", "variant", "prompt", "step",
                    "allocation_samples"},
         .inputs = {kMagnitudes},
         .calibration = true},
    };
    return info;
  }

  [[nodiscard]] std::vector<std::string> unmet(const ModelSpec& spec,
                                               const Params& params) const override {
    std::vector<std::string> problems;
    if (!is_cats(params)) return problems;
    if (!spec.ffn_gated) {
      problems.emplace_back(
          "variant = 'cats' compares the gate of a feed-forward block, and this model's blocks "
          "have none; set variant to 'teal'");
    }
    if (!takes_ffn(params)) {
      problems.emplace_back(
          "variant = 'cats' changes feed-forward blocks only; set blocks to 'all' or 'ffn'");
    }
    if (params.get_text("allocation") == "greedy") {
      problems.emplace_back(
          "variant = 'cats' has one threshold a layer, so there is nothing to allocate; set "
          "allocation to 'uniform'");
    }
    return problems;
  }

  [[nodiscard]] Artefact fit_stage(const std::string& stage, const Model& model,
                                   FitContext& context, const Params& params) const override {
    return stage == kMagnitudes ? measure_magnitudes(model, context)
                                : choose_thresholds(model, context, params);
  }

  void apply(Model& model, const Artefact& artefact) const override {
    const bool dense_prompt = artefact.plan.at("prompt") == "dense";
    for (std::int64_t i = 0; i < model.layer_count(); ++i) {
      const std::string name = fmt::format("layer.{}.thresholds", i);
      if (!artefact.tensors.contains(name)) continue;
      sparsify(model.layers()[static_cast<std::size_t>(i)], i, stored_thresholds(artefact, name),
               dense_prompt);
    }
  }
};

}  // namespace
}  // namespace teal

void register_teal(MethodRegistry& registry) { registry.add(std::make_unique<teal::Teal>()); }

}  // namespace assay
