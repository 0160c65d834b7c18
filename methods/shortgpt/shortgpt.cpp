// ShortGPT (arXiv 2403.03853): whole layers go.
#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "methods/shortgpt/choice.h"

namespace assay {
namespace shortgpt {
namespace {

std::vector<ParamSpec> param_specs() {
  ParamSpec layers;
  layers.name = "layers";
  layers.type = ParamType::kInt;
  layers.default_value = 1;
  layers.min = 0;
  layers.unit = "layers";
  layers.help = "How many layers to drop; at least one stays";
  ParamSpec by;
  by.name = "by";
  by.type = ParamType::kChoice;
  by.default_value = "influence";
  by.choices = {"influence", "perplexity", "random"};
  by.help =
      "Which ones: those that turn the hidden rows least, one after the other those without which "
      "the calibration text is predicted best, or any (the control)";
  return {layers, by};
}

Json as_json(const LayerScores& scores) {
  Json list = Json::array();
  for (const auto& [layer, score] : scores) list.push_back({{"layer", layer}, {"score", score}});
  return list;
}

class ShortGpt final : public Method {
 public:
  [[nodiscard]] MethodInfo info() const override {
    MethodInfo info;
    info.name = "shortgpt";
    info.summary = "Drops whole layers: those that change their input least";
    info.citation =
        "Men et al., ShortGPT: Layers in Large Language Models are More Redundant Than You Expect, "
        "2024, arXiv 2403.03853";
    info.params = param_specs();
    info.takes_experts = true;
    info.needs.calibration = true;
    info.needs.calibration_unless = {{{{"by", "random"}}}};
    return info;
  }

  [[nodiscard]] std::vector<std::string> unmet(const ModelSpec& spec,
                                               const Params& params) const override {
    std::vector<std::string> problems;
    const std::int64_t layers = params.get_int("layers");
    if (layers >= spec.layers) {
      problems.push_back(
          fmt::format("layers = {}, and the model has {}, of which one has to stay; set layers to "
                      "{} or less",
                      layers, spec.layers, spec.layers - 1));
    }
    const bool predicts = spec.causal && spec.output == OutputKind::kVocabulary;
    if (params.get_text("by") == "perplexity" && !predicts) {
      problems.emplace_back(
          "by = 'perplexity' needs a model that predicts the next token, and this one does not; "
          "set by to 'influence' or 'random'");
    }
    return problems;
  }

  [[nodiscard]] Artefact fit(const Model& model, FitContext& context,
                             const Params& params) const override {
    const Choice choice = choose(model, context, params);
    Artefact artefact;
    artefact.plan["dropped"] = choice.dropped;
    artefact.plan["scores"] = Json::array();
    for (const LayerScores& round : choice.rounds) {
      artefact.plan["scores"].push_back(as_json(round));
    }
    context.metric("dropped_layers", static_cast<double>(choice.dropped.size()));
    for (std::int64_t i = 0; i < model.layer_count(); ++i) {
      const auto times = std::count(choice.dropped.begin(), choice.dropped.end(), i);
      context.metric(fmt::format("dropped_layers/layer.{}", i), static_cast<double>(times));
    }
    return artefact;
  }

  void apply(Model& model, const Artefact& artefact) const override {
    auto dropped = artefact.plan.at("dropped").get<std::vector<std::int64_t>>();
    // From the top, so that the layers below keep their indices.
    std::sort(dropped.begin(), dropped.end(), std::greater<>());
    for (const std::int64_t layer : dropped) model.drop_layer(layer);
  }

 private:
  static Choice choose(const Model& model, FitContext& context, const Params& params) {
    const std::int64_t count = params.get_int("layers");
    const std::string by = params.get_text("by");
    if (by == "random") return choose_at_random(model.layer_count(), context.seed(), count);
    return by == "influence" ? choose_by_influence(model, context, count)
                             : choose_by_perplexity(model, context, count);
  }
};

}  // namespace
}  // namespace shortgpt

void register_shortgpt(MethodRegistry& registry) {
  registry.add(std::make_unique<shortgpt::ShortGpt>());
}

}  // namespace assay
