// ShadowLLM (arXiv 2406.16635): one predictor for all heads and one for all neurons, which read
// what the first layer's heads give and have learnt what a criterion with gradients says.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "harness/contextual/predicted.h"
#include "harness/contextual/predictor_artefact.h"
#include "harness/contextual/predictor_params.h"
#include "harness/contextual/routed_model.h"
#include "harness/method/method.h"
#include "methods/shadowllm/own_context.h"
#include "methods/shadowllm/settings.h"
#include "methods/shadowllm/shadow_choice.h"
#include "methods/shadowllm/traces.h"
#include "methods/shadowllm/training.h"

namespace assay {
namespace shadowllm {
namespace {

constexpr const char* kTraces = "traces";
constexpr const char* kPredictors = "predictors";
constexpr RoutingSite kSites[] = {RoutingSite::kHeads, RoutingSite::kNeurons};

/// Whether a setting leaves out any units.
bool some_go(const Params& params, RoutingSite site) {
  const bool heads = site == RoutingSite::kHeads;
  if (!heads && !params.get_bool("ffn_mask")) return false;
  return params.get_real(heads ? "head_density" : "ffn_density") < 1;
}

/// The predictors as they run, and what runs by them.
Artefact settle(const Model& model, FitContext& context, const Params& params) {
  const Artefact& trained = context.input(kPredictors);
  const PredictorKind kind = predictor_kind(params);
  const bool always_scaled = params.get_text("input_scaling") == "always";
  Artefact artefact;
  artefact.plan["routing"] = routing_plan(params);
  for (const char* name : {"predictor", "prune_style", "floor"}) {
    artefact.plan[name] = params.json().at(name);
  }
  for (const RoutingSite site : kSites) {
    if (!some_go(params, site)) continue;
    for (std::int64_t layer = 0; layer < model.layer_count(); ++layer) {
      const std::string name = predictor_name(kind, site, layer);
      if (has_predictor(artefact, name) || !has_predictor(trained, name)) continue;
      settle_predictor(artefact, trained, name, params.get_int("predictor_bits"));
      if (always_scaled) continue;
      artefact.plan["predictors"][name]["scaled_inputs"] = false;
    }
  }
  return artefact;
}

AllLayers all_layers(const Model& model, const Json& plan, RoutingSite site) {
  const bool heads = site == RoutingSite::kHeads;
  const RoutingSettings settings = routing_settings(plan.at("routing"));
  return {.units = units_of(model.spec(), site),
          .density = heads ? settings.head_density : settings.ffn_density,
          .style = style_of(plan),
          .floor = plan.at("floor").get<double>(),
          .compat_floor = heads ? kReleasedHeadFloor : kReleasedNeuronFloor};
}

/// Null where the artefact has none.
std::unique_ptr<Predictor> predictor_of(const Model& model, const Artefact& artefact,
                                        const std::string& name) {
  if (!has_predictor(artefact, name)) return nullptr;
  return load_predictor(artefact, name, model.device()).share();
}

std::optional<SitePrediction> prediction(const Model& model, const Artefact& artefact,
                                         RoutingSite site) {
  std::unique_ptr<Predictor> predictor =
      predictor_of(model, artefact, predictor_name(PredictorKind::kSingle, site, 0));
  if (!predictor) return std::nullopt;
  return SitePrediction{std::move(predictor), all_layers(model, artefact.plan, site)};
}

/// One predictor for all layers.
void apply_single(Model& model, const Artefact& artefact, const Routing& routing) {
  std::optional<SitePrediction> heads = prediction(model, artefact, RoutingSite::kHeads);
  std::optional<SitePrediction> neurons = prediction(model, artefact, RoutingSite::kNeurons);
  if (!heads && !neurons) return;
  const bool some_heads = heads.has_value(), some_neurons = neurons.has_value();
  const auto part = [&](RoutingSite site, std::int64_t layer) -> std::unique_ptr<Chooser> {
    const std::vector<std::int64_t> units = units_of(model.spec(), site);
    return std::make_unique<ShadowChooser>(site, first_of(units, layer),
                                           units[static_cast<std::size_t>(layer)], routing.owner);
  };
  route_model(model, routing, [&](std::int64_t layer) {
    RoutedParts parts;
    if (layer == 0) {
      parts.reader =
          std::make_unique<ShadowReader>(std::move(heads), std::move(neurons), routing.owner);
      return parts;
    }
    if (some_heads) parts.heads = part(RoutingSite::kHeads, layer);
    if (some_neurons) parts.neurons = part(RoutingSite::kNeurons, layer);
    return parts;
  });
}

/// One predictor a layer.
void apply_each(Model& model, const Artefact& artefact, const RoutingSettings& settings) {
  const PredictorKind kind = predictor_kind(artefact.plan);
  const std::shared_ptr<const char>& owner = settings.routing.owner;
  const auto chooser = [&](RoutingSite site, std::int64_t layer,
                           std::int64_t count) -> std::unique_ptr<Chooser> {
    auto predictor = predictor_of(model, artefact, predictor_name(kind, site, layer));
    if (!predictor) return nullptr;
    if (kind == PredictorKind::kPerLayerOwn && site == RoutingSite::kHeads) {
      return std::make_unique<ByOwnContext>(std::move(predictor), count);
    }
    const StreamPlace from{layer_read(kind, layer), RoutingSite::kHeads};
    return std::make_unique<Predicted>(std::move(predictor), from, Selected{count, {}}, owner);
  };
  route_model(model, settings.routing, [&](std::int64_t layer) {
    const LayerShape shape = model.spec().layer(layer);
    RoutedParts parts;
    parts.reader = std::make_unique<ShowsContext>(owner);
    parts.heads =
        chooser(RoutingSite::kHeads, layer, count_of_density(settings.head_density, shape.heads));
    parts.neurons = chooser(RoutingSite::kNeurons, layer,
                            count_of_density(settings.ffn_density, shape.ffn_width));
    return parts;
  });
}

/// What a predictor reads, one problem a kind of layer that lacks it.
std::vector<std::string> context_problems(const ModelSpec& spec, const Params& params) {
  const PredictorKind kind = predictor_kind(params);
  const std::vector<std::int64_t> widths = context_widths(spec);
  const std::int64_t last = kind == PredictorKind::kSingle ? 1 : spec.layers;
  std::int64_t narrowest = widths.front();
  for (std::int64_t layer = std::min<std::int64_t>(1, last - 1); layer < last; ++layer) {
    const std::int64_t read = layer_read(kind, layer);
    const std::int64_t width = widths[static_cast<std::size_t>(read)];
    if (width == 0) {
      return {
          fmt::format("predictors read what the heads of layer {} give, and it has none", read)};
    }
    narrowest = std::min(narrowest, width);
  }
  return predictor_problems(params, narrowest);
}

class ShadowLlm final : public Method {
 public:
  [[nodiscard]] MethodInfo info() const override {
    MethodInfo info;
    info.name = "shadowllm";
    info.summary = "Predicts for each token, from the first layer, which heads and neurons to run";
    info.citation =
        "Akhauri et al., ShadowLLM: Predictor-based Contextual Sparsity for Large Language Models, "
        "EMNLP 2024, arXiv 2406.16635";
    info.params = param_specs();
    info.requires_ = routing_requirements();
    info.needs.calibration = info.needs.calibration_items = true;
    info.stages = {
        {.name = kTraces, .params = traced_params(), .inputs = {}, .calibration = true},
        {.name = kPredictors,
         .params = {"predictor", "normalisation", "ffn_rank", "head_rank", "head_epochs",
                    "ffn_epochs", "learning_rate"},
         .inputs = {kTraces}},
        {.name = "choice",
         .params = {"predictor", "head_density", "ffn_density", "mask_source", "batch_rule",
                    "dense_above", "kv_missing", "execute", "prune_style", "floor", "ffn_mask",
                    "input_scaling", "predictor_bits"},
         .inputs = {kPredictors}},
    };
    return info;
  }

  [[nodiscard]] std::vector<std::string> unmet(const ModelSpec& spec,
                                               const Params& params) const override {
    std::vector<std::string> problems = context_problems(spec, params);
    const std::vector<std::string> more =
        routing_problems(spec, params.get_real("head_density") < 1);
    problems.insert(problems.end(), more.begin(), more.end());
    const std::string style = params.get_text("prune_style");
    if (predictor_kind(params) != PredictorKind::kSingle && style != "local") {
      problems.push_back(
          fmt::format("predictor = '{}' knows one layer at a time, and prune_style = '{}' compares "
                      "all of them; set prune_style = 'local'",
                      params.get_text("predictor"), style));
    }
    return problems;
  }

  [[nodiscard]] Artefact fit_stage(const std::string& stage, const Model& model,
                                   FitContext& context, const Params& params) const override {
    if (stage == kTraces) return trace(model, context, params);
    return stage == kPredictors ? train_predictors(model, context, params)
                                : settle(model, context, params);
  }

  void apply(Model& model, const Artefact& artefact) const override {
    const RoutingSettings settings = routing_settings(artefact.plan.at("routing"));
    if (predictor_kind(artefact.plan) == PredictorKind::kSingle) {
      apply_single(model, artefact, settings.routing);
    } else {
      apply_each(model, artefact, settings);
    }
  }
};

}  // namespace
}  // namespace shadowllm

void register_shadowllm(MethodRegistry& registry) {
  registry.add(std::make_unique<shadowllm::ShadowLlm>());
}

}  // namespace assay
