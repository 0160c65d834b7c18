// ShadowLLM (arXiv 2406.16635): one predictor for all heads and one for all neurons, which read
// what the first layer's heads give and have learnt what a criterion with gradients says.
#include <fmt/format.h>

#include <numeric>
#include <utility>

#include "harness/contextual/predictor_artefact.h"
#include "harness/contextual/predictor_params.h"
#include "harness/contextual/predictor_training.h"
#include "harness/contextual/routed_model.h"
#include "harness/contextual/scaling.h"
#include "harness/method/method.h"
#include "methods/shadowllm/settings.h"
#include "methods/shadowllm/shadow_choice.h"
#include "methods/shadowllm/traces.h"

namespace assay {
namespace shadowllm {
namespace {

constexpr const char* kTraces = "traces";
constexpr const char* kPredictors = "predictors";
constexpr RoutingSite kSites[] = {RoutingSite::kHeads, RoutingSite::kNeurons};

/// In an artefact: the first layer reads for all.
std::string predictor_name(RoutingSite site) {
  return std::string("layer.0.reader.") + site_name(site);
}

/// Of each layer.
std::vector<std::int64_t> units_of(const ModelSpec& spec, RoutingSite site) {
  std::vector<std::int64_t> units;
  for (std::int64_t i = 0; i < spec.layers; ++i) {
    const LayerShape shape = spec.layer(i);
    if (site == RoutingSite::kHeads) units.push_back(shape.has_attention ? shape.heads : 0);
    if (site == RoutingSite::kNeurons) units.push_back(shape.has_ffn ? shape.ffn_width : 0);
  }
  return units;
}

/// Places of one layer's first unit among all.
std::int64_t first_of(const std::vector<std::int64_t>& units, std::int64_t layer) {
  return std::accumulate(units.begin(), units.begin() + layer, std::int64_t{0});
}

Artefact train_predictors(const Model& model, FitContext& context, const Params& params) {
  const Artefact& traces = context.input(kTraces);
  const at::Tensor inputs = scaled_rows(traces.tensors.at("inputs"));
  Artefact artefact;
  for (const RoutingSite site : kSites) {
    const std::string name = site_name(site);
    const at::Tensor& scores = traces.tensors.at(name);
    const at::Tensor targets = params.get_text("normalisation") == "layer"
                                   ? scaled_by_layer(scores, units_of(model.spec(), site))
                                   : scaled_over_layers(scores);
    const std::uint64_t seed = context.seed() * 2 + (site == RoutingSite::kHeads ? 0 : 1);
    Predictor predictor =
        fresh_predictor(shadowllm_form(inputs.size(1), rank_of(params, site, kRank, inputs.size(1)),
                                       targets.size(1)),
                        seed);
    const ShadowFit fit = train_shadow(
        predictor, inputs, targets, training_settings(params, site, seed), hooks_of(context, name));
    store_predictor(artefact, predictor_name(site), predictor);
    context.metric("predictor/correlation/" + name, fit.held_out.mean);
    context.metric("predictor/held_out_loss/" + name, fit.held_out_loss);
    context.metric("predictor/left_out/" + name, static_cast<double>(fit.left_out));
  }
  return artefact;
}

/// The predictors as they run, and what runs by them.
Artefact settle(FitContext& context, const Params& params) {
  const Artefact& trained = context.input(kPredictors);
  Artefact artefact;
  artefact.plan["routing"] = routing_plan(params);
  for (const char* name : {"prune_style", "floor"}) artefact.plan[name] = params.json().at(name);
  for (const RoutingSite site : kSites) {
    const bool heads = site == RoutingSite::kHeads;
    const bool some = params.get_real(heads ? "head_density" : "ffn_density") < 1;
    if (!some || (!heads && !params.get_bool("ffn_mask"))) continue;
    const std::string name = predictor_name(site);
    store_predictor(artefact, name,
                    stored_as(load_predictor(trained, name, at::kCPU),
                              {.bits = params.get_int("predictor_bits")}));
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

std::optional<SitePrediction> prediction(const Model& model, const Artefact& artefact,
                                         RoutingSite site) {
  const Json predictors = artefact.plan.value("predictors", Json::object());
  if (!predictors.contains(predictor_name(site))) return std::nullopt;
  return SitePrediction{load_predictor(artefact, predictor_name(site), model.device()).share(),
                        all_layers(model, artefact.plan, site)};
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
    info.needs.calibration = true;
    info.stages = {
        {.name = kTraces, .params = {"criterion"}, .inputs = {}, .calibration = true},
        {.name = kPredictors,
         .params = {"normalisation", "ffn_rank", "head_rank", "head_epochs", "ffn_epochs",
                    "learning_rate"},
         .inputs = {kTraces}},
        {.name = "choice",
         .params = {"head_density", "ffn_density", "mask_source", "batch_rule", "dense_above",
                    "kv_missing", "prune_style", "floor", "ffn_mask", "predictor_bits"},
         .inputs = {kPredictors}},
    };
    return info;
  }

  [[nodiscard]] std::vector<std::string> unmet(const ModelSpec& spec,
                                               const Params& params) const override {
    std::vector<std::string> problems;
    const LayerShape first = spec.layer(0);
    if (!first.has_attention) {
      problems.emplace_back(
          "the predictors read what the first layer's heads give, and that layer has none");
    }
    const std::int64_t width = first.heads * first.head_dim;
    const auto more = predictor_problems(params, width);
    problems.insert(problems.end(), more.begin(), more.end());
    return problems;
  }

  [[nodiscard]] Artefact fit_stage(const std::string& stage, const Model& model,
                                   FitContext& context, const Params& params) const override {
    if (stage == kTraces) return trace(model, context, params);
    return stage == kPredictors ? train_predictors(model, context, params)
                                : settle(context, params);
  }

  void apply(Model& model, const Artefact& artefact) const override {
    const Routing routing = routing_settings(artefact.plan.at("routing")).routing;
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
};

}  // namespace
}  // namespace shadowllm

void register_shadowllm(MethodRegistry& registry) {
  registry.add(std::make_unique<shadowllm::ShadowLlm>());
}

}  // namespace assay
