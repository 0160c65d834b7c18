// RIA (Zhang et al., "Plug-and-Play", ICLR 2024): relative importance x activations, with an
// optional permutation of the input channels for N:M patterns.
#include <ATen/ops/ones.h>
#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "harness/base/param_makers.h"
#include "harness/method/chosen_blocks.h"
#include "harness/method/layerwise.h"
#include "harness/method/masks.h"
#include "harness/method/optimal_brain_surgeon.h"
#include "methods/ria/permutation.h"
#include "methods/ria/score.h"

namespace assay {
namespace {

std::vector<ParamSpec> ria_params() {
  std::vector<ParamSpec> params = sparsity_params();
  params.insert(
      params.end(),
      {real_param("a", 0.5, {.min = 0},
                  "Power of the input norm in the score; 0 ignores the activations"),
       choice_param("ri_dtype", {"fp16", "fp32"}, "Precision of the relative importance"),
       scope_param(Scope::kMatrix),
       choice_param("permute", {"none", "heuristic", "lsa", "heuristic+lsa"},
                    "Permutation of the input channels before N:M pruning"),
       choice_param("channel_key",
                    {"sum", "retained_degree_unstructured", "retained_degree_per_output"},
                    "By what the heuristic sorts channels"),
       flag_param("keep_best", false,
                  "Use the best of identity, heuristic and assignment instead of the last"),
       flag_param("fast", false,
                  "Solve the assignment in blocks: 4 for q, k, v, o, 8 for gate, up, 16 for down"),
       flag_param("reconstruction", false,
                  "Update the kept weights as SparseGPT does, with RIA's mask"),
       damping_param(), blocks_param(), calibrate_on_param()});
  return params;
}

ChannelKey channel_key(const std::string& text) {
  if (text == "sum") return ChannelKey::kSum;
  return text == "retained_degree_unstructured" ? ChannelKey::kRetainedMatrix
                                                : ChannelKey::kRetainedRow;
}

std::int64_t blocks_of(Slot slot, bool fast) {
  if (!fast) return 1;
  if (slot == Slot::kDown) return 16;
  return slot == Slot::kGate || slot == Slot::kUp ? 8 : 4;
}

/// Chooses the masks of one matrix after the other.
class RiaChooser {
 public:
  RiaChooser(FitContext& context, const Params& params)
      : context_(context),
        target_(sparsity_target(params)),
        a_(params.get_real("a")),
        dtype_(params.get_text("ri_dtype") == "fp32" ? at::kFloat : at::kHalf),
        scope_(scope_value(params)),
        permute_(params.get_text("permute")),
        key_(channel_key(params.get_text("channel_key"))),
        keep_best_(params.get_bool("keep_best")),
        fast_(params.get_bool("fast")) {}

  [[nodiscard]] at::Tensor keep(const at::Tensor& weight, const at::Tensor& square_norm,
                                std::int64_t index, const SlotPlace& place) const {
    const at::Tensor scores = ria_scores(weight, square_norm, a_, dtype_);
    require_finite_scores(scores, slot_path(index, place));
    if (permute_ == "none") return keep_by_target(scores, target_, scope_);
    require_whole_groups(scores.size(1), target_.pattern);
    return keep_permuted(scores, target_.pattern, order(scores, index, place));
  }

 private:
  /// Runs the asked stages, reports the retained score after each.
  [[nodiscard]] ChannelOrder order(const at::Tensor& scores, std::int64_t index,
                                   const SlotPlace& place) const {
    ChannelOrder current(static_cast<std::size_t>(scores.size(1)));
    std::iota(current.begin(), current.end(), 0);
    const std::string path = slot_path(index, place);
    ChannelOrder best = current;
    double best_score = note(scores, current, "identity", path);
    const auto stage = [&](ChannelOrder next, const char* name) {
      const double score = note(scores, next, name, path);
      if (score > best_score || !keep_best_) {
        best_score = score;
        best = next;
      }
      current = std::move(next);
    };
    if (permute_.starts_with("heuristic")) {
      stage(snake_order(channels_by_key(scores, target_.pattern, key_), target_.pattern.group),
            "heuristic");
    }
    if (permute_.ends_with("lsa")) {
      stage(refine_by_assignment(scores, target_.pattern, current, blocks_of(place.slot, fast_)),
            "lsa");
    }
    return best;
  }

  double note(const at::Tensor& scores, const ChannelOrder& channels, const char* stage,
              const std::string& slot) const {
    const double score = retained_score(scores, target_.pattern, channels);
    context_.metric(fmt::format("retained_score/{}/{}", stage, slot), score);
    return score;
  }

  FitContext& context_;
  SparsityTarget target_;
  double a_;
  at::ScalarType dtype_;
  Scope scope_;
  std::string permute_;
  ChannelKey key_;
  bool keep_best_, fast_;
};

/// With the activations' power 0 a weight's score is its relative importance alone.
Artefact prune_without_data(const Model& model, FitContext& context, const Params& params) {
  const RiaChooser chooser(context, params);
  PrunedWeights pruned(context);
  for (std::int64_t index = 0; index < model.layer_count(); ++index) {
    context.progress(index, model.layer_count(), "relative importance");
    const Layer layer = model.layers()[static_cast<std::size_t>(index)].clone();
    for (const SlotPlace& place : layer.places()) {
      const DenseLinear& linear = layer.dense(place);
      if (!in_blocks(params, place)) {
        pruned.leave(index, place, linear.weight());
        continue;
      }
      const at::Tensor weight = weight_for_fit(linear);
      pruned.prune(index, place, linear.weight(),
                   chooser.keep(weight, at::ones({weight.size(1)}), index, place));
    }
  }
  return pruned.finish();
}

class Ria final : public PruningMethod {
 public:
  [[nodiscard]] MethodInfo info() const override {
    MethodInfo info;
    info.name = "ria";
    info.summary = "Relative importance x input norm, with channel permutation for N:M";
    info.citation =
        "Zhang et al., Plug-and-Play: An Efficient Post-training Pruning Method for Large Language "
        "Models, ICLR 2024";
    info.params = ria_params();
    info.takes_experts = true;
    info.needs.calibration = true;
    info.needs.calibration_unless = {{{{"a", 0.0}, {"reconstruction", false}}}};
    return info;
  }

  [[nodiscard]] std::vector<std::string> unmet(const ModelSpec& spec,
                                               const Params& params) const override {
    std::vector<std::string> problems = PruningMethod::unmet(spec, params);
    const bool structured = params.get_text("pattern") != "unstructured";
    if (!structured && params.get_text("permute") != "none") {
      problems.push_back("permute = '" + params.get_text("permute") +
                         "' needs an N:M pattern; with 'unstructured' it changes nothing");
    }
    if (structured && params.get_bool("reconstruction")) {
      problems.push_back("reconstruction = true needs pattern = 'unstructured'");
    }
    return problems;
  }

  [[nodiscard]] Artefact fit(const Model& model, FitContext& context,
                             const Params& params) const override {
    if (!info().needs.calibration_for(params)) return prune_without_data(model, context, params);
    const bool reconstruct = params.get_bool("reconstruction") && sparsity_target(params).ratio > 0;
    const ObsOptions obs{128, params.get_real("damping")};
    const RiaChooser chooser(context, params);
    const LayerwiseOptions options{calibrate_on_value(params), reconstruct};
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
            const InputStatistics& input = inputs.input_of(place);
            const at::Tensor weight = weight_for_fit(linear);
            const at::Tensor keep = chooser.keep(weight, input.square_norm(), index, place);
            if (!reconstruct) {
              pruned.prune(index, place, linear.weight(), keep);
              continue;
            }
            pruned.replace(index, place, linear.weight(),
                           obs_update(weight, input.gram().mul(2), keep, obs,
                                      warn_of_retry(context, slot_path(index, place))));
          }
        });
    return pruned.finish();
  }
};

}  // namespace

void register_ria(MethodRegistry& registry) { registry.add(std::make_unique<Ria>()); }

}  // namespace assay
