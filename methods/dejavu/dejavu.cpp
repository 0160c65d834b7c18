// DejaVu (arXiv 2310.17157): for each layer a predictor of its heads and one of its neurons, that
// read the residual stream ahead of it.
#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <utility>

#include "harness/contextual/predicted.h"
#include "harness/contextual/predictor_artefact.h"
#include "harness/contextual/predictor_params.h"
#include "harness/contextual/predictor_training.h"
#include "harness/contextual/routed_model.h"
#include "harness/method/method.h"
#include "methods/dejavu/settings.h"
#include "methods/dejavu/traces.h"

namespace assay {
namespace dejavu {
namespace {

constexpr const char* kTraces = "traces";
constexpr const char* kPredictors = "predictors";

/// Of what stays of a place; all of it needs no predictor.
bool some_stay(const Params& params, RoutingSite site) {
  if (params.get_text("select") == "threshold") return true;
  return params.get_real(site == RoutingSite::kHeads ? "head_density" : "ffn_density") < 1;
}

/// Second stage: one training a layer and site.
class Trainings {
 public:
  Trainings(const Model& model, FitContext& context, const Params& params)
      : model_(model), context_(context), params_(params), traces_(context.input(kTraces)) {}

  Artefact run() {
    for (std::int64_t layer = 1; layer < model_.layer_count(); ++layer) {
      const LayerShape shape = model_.spec().layer(layer);
      if (shape.has_attention) train(layer, RoutingSite::kHeads, shape.heads);
      if (shape.has_ffn) train(layer, RoutingSite::kNeurons, shape.ffn_width);
    }
    return std::move(artefact_);
  }

 private:
  [[nodiscard]] BinaryLabels labels(std::int64_t layer, RoutingSite site,
                                    std::int64_t units) const {
    if (site == RoutingSite::kNeurons) {
      return BinaryLabels::packed(traces_.tensors.at(neuron_labels_name(layer)), units);
    }
    const std::int64_t count =
        std::max<std::int64_t>(1, static_cast<std::int64_t>(params_.get_real("head_label_density") *
                                                            static_cast<double>(units)));
    return BinaryLabels::plain(largest_labels(traces_.tensors.at(head_norms_name(layer)), count));
  }

  [[nodiscard]] std::int64_t rank(RoutingSite site, std::int64_t width) const {
    return rank_of(params_, site, site == RoutingSite::kHeads ? kHeadRank : kNeuronRank, width);
  }

  void train(std::int64_t layer, RoutingSite site, std::int64_t units) {
    const std::int64_t width = model_.spec().width;
    const std::uint64_t seed = layer_predictor_seed(context_.seed(), layer, site);
    Predictor predictor = fresh_predictor(dejavu_form(width, rank(site, width), units), seed);
    const std::string name = layer_predictor_name(layer, site);
    const StreamPlace from = predicted_from(params_.get_text("lookahead"), site, layer);
    const DejaVuFit fit =
        train_dejavu(predictor, traces_.tensors.at(stream_name(from)), labels(layer, site, units),
                     training_settings(params_, site, seed), hooks_of(context_, name));
    store_predictor(artefact_, name, predictor);
    report(fmt::format("predictor/layer.{}/{}_", layer,
                       site == RoutingSite::kHeads ? "head" : "neuron"),
           fit);
  }

  void report(const std::string& tag, const DejaVuFit& fit) {
    const PredictionHits& hits = fit.held_out;
    if (hits.rows == 0) return;
    context_.metric(tag + "recall", hits.recall());
    context_.metric(tag + "precision", hits.precision());
    context_.metric(tag + "predicted", hits.predicted_a_row());
    context_.metric(tag + "positives",
                    static_cast<double>(hits.positives) / static_cast<double>(hits.rows));
  }

  const Model& model_;
  FitContext& context_;
  const Params& params_;
  const Artefact& traces_;
  Artefact artefact_;
};

/// Last stage: the predictors as they run, and what runs by them.
Artefact settle(const Model& model, FitContext& context, const Params& params) {
  const Artefact& trained = context.input(kPredictors);
  Artefact artefact;
  artefact.plan["routing"] = routing_plan(params);
  for (const char* name : {"select", "threshold", "lookahead"}) {
    artefact.plan[name] = params.json().at(name);
  }
  for (std::int64_t layer = 1; layer < model.layer_count(); ++layer) {
    for (const RoutingSite site : {RoutingSite::kHeads, RoutingSite::kNeurons}) {
      const std::string name = layer_predictor_name(layer, site);
      if (!some_stay(params, site) || !has_predictor(trained, name)) continue;
      settle_predictor(artefact, trained, name, params.get_int("predictor_bits"));
    }
  }
  return artefact;
}

class DejaVu final : public Method {
 public:
  [[nodiscard]] MethodInfo info() const override {
    MethodInfo info;
    info.name = "dejavu";
    info.summary = "Predicts for each token and layer which heads and neurons to run";
    info.citation =
        "Liu et al., Deja Vu: Contextual Sparsity for Efficient LLMs at Inference Time, ICML 2023, "
        "arXiv 2310.17157";
    info.params = param_specs();
    info.requires_ = routing_requirements();
    info.needs.calibration = info.needs.calibration_items = true;
    info.stages = {
        {.name = kTraces, .params = traced_params(), .inputs = {}, .calibration = true},
        {.name = kPredictors,
         .params = {"lookahead", "head_label_density", "ffn_rank", "head_rank", "epochs", "batch",
                    "ffn_learning_rate", "head_learning_rate", "patience", "select_by", "held_out"},
         .inputs = {kTraces}},
        {.name = "choice",
         .params = {"head_density", "ffn_density", "mask_source", "batch_rule", "dense_above",
                    "kv_missing", "execute", "select", "threshold", "predictor_bits", "lookahead"},
         .inputs = {kPredictors}},
    };
    return info;
  }

  [[nodiscard]] std::vector<std::string> unmet(const ModelSpec& spec,
                                               const Params& params) const override {
    std::vector<std::string> problems =
        routing_problems(spec, some_stay(params, RoutingSite::kHeads));
    if (!problems.empty() && params.get_text("select") == "threshold") {
      problems.back() += " and select = 'top'";
    }
    if (params.get_text("ffn_labels") == "fired" && spec.activation != ActivationKind::kRelu) {
      problems.emplace_back(
          "ffn_labels = 'fired' names the neurons that a ReLU lets through, and this model's "
          "activation lets all through; set ffn_labels = 'largest'");
    }
    const auto more = predictor_problems(params, spec.width);
    problems.insert(problems.end(), more.begin(), more.end());
    return problems;
  }

  [[nodiscard]] Artefact fit_stage(const std::string& stage, const Model& model,
                                   FitContext& context, const Params& params) const override {
    if (stage == kTraces) return trace(model, context, params);
    return stage == kPredictors ? Trainings(model, context, params).run()
                                : settle(model, context, params);
  }

  void apply(Model& model, const Artefact& artefact) const override {
    RoutingSettings settings = routing_settings(artefact.plan.at("routing"));
    settings.routing.keeps_streams = true;
    route_model(model, settings.routing, [&](std::int64_t layer) {
      const LayerShape shape = model.spec().layer(layer);
      RoutedParts parts;
      const auto chooser = [&](RoutingSite site, std::int64_t units, double density) {
        return predicted(model, artefact, layer, site, count_of_density(density, units),
                         settings.routing);
      };
      parts.heads = chooser(RoutingSite::kHeads, shape.heads, settings.head_density);
      parts.neurons = chooser(RoutingSite::kNeurons, shape.ffn_width, settings.ffn_density);
      return parts;
    });
  }

 private:
  static std::unique_ptr<Chooser> predicted(const Model& model, const Artefact& artefact,
                                            std::int64_t layer, RoutingSite site,
                                            std::int64_t count, const Routing& routing) {
    const std::string name = layer_predictor_name(layer, site);
    if (!has_predictor(artefact, name)) return nullptr;
    const Json& plan = artefact.plan;
    Selected selected{.count = count, .edge = {}};
    if (plan.at("select") == "threshold") selected.edge = logit(plan.at("threshold").get<double>());
    return std::make_unique<Predicted>(
        load_predictor(artefact, name, model.device()).share(),
        predicted_from(plan.at("lookahead").get<std::string>(), site, layer), selected,
        routing.owner);
  }

  static double logit(double probability) {
    return std::log(probability) - std::log1p(-probability);
  }
};

}  // namespace
}  // namespace dejavu

void register_dejavu(MethodRegistry& registry) { registry.add(std::make_unique<dejavu::DejaVu>()); }

}  // namespace assay
