#include "methods/shadowllm/training.h"

#include <fmt/format.h>

#include <string>
#include <utility>
#include <vector>

#include "harness/contextual/predictor_artefact.h"
#include "harness/contextual/predictor_params.h"
#include "harness/contextual/routing.h"
#include "harness/contextual/scaling.h"
#include "methods/shadowllm/settings.h"
#include "methods/shadowllm/traces.h"

namespace assay::shadowllm {
namespace {

/// Of one predictor.
struct Lesson {
  std::string name;  ///< of the predictor
  std::string told;  ///< what its metrics end in
  RoutingSite site;
  at::Tensor inputs, targets;
  std::uint64_t seed = 0;
};

class Trainings {
 public:
  Trainings(const Model& model, FitContext& context, const Params& params)
      : spec_(model.spec()), context_(context), params_(params), traces_(context.input("traces")) {}

  Artefact run() {
    const bool single = predictor_kind(params_) == PredictorKind::kSingle;
    for (const RoutingSite site : {RoutingSite::kHeads, RoutingSite::kNeurons}) {
      const std::vector<std::int64_t> units = units_of(spec_, site);
      const at::Tensor scores = scaled(traces_.tensors.at(site_name(site)), units);
      if (single) {
        train(of_all_layers(site, scores));
      } else {
        train_each(site, scores.split_with_sizes(units, 1));
      }
    }
    return std::move(artefact_);
  }

 private:
  [[nodiscard]] at::Tensor scaled(const at::Tensor& scores,
                                  const std::vector<std::int64_t>& units) const {
    return params_.get_text("normalisation") == "layer" ? scaled_by_layer(scores, units)
                                                        : scaled_over_layers(scores);
  }

  /// What predictors read from one layer.
  [[nodiscard]] at::Tensor inputs(std::int64_t layer) const {
    const std::vector<std::int64_t> widths = context_widths(spec_);
    return scaled_rows(
        traces_.tensors.at("contexts")
            .narrow(1, first_of(widths, layer), widths[static_cast<std::size_t>(layer)]));
  }

  [[nodiscard]] Lesson of_all_layers(RoutingSite site, const at::Tensor& targets) const {
    const std::uint64_t seed = context_.seed() * 2 + (site == RoutingSite::kHeads ? 0 : 1);
    return {predictor_name(PredictorKind::kSingle, site, 0),
            site_name(site),
            site,
            inputs(0),
            targets,
            seed};
  }

  void train_each(RoutingSite site, const std::vector<at::Tensor>& targets) {
    const PredictorKind kind = predictor_kind(params_);
    for (std::int64_t layer = 1; layer < spec_.layers; ++layer) {
      const at::Tensor& of_layer = targets[static_cast<std::size_t>(layer)];
      if (of_layer.size(1) == 0) continue;
      const std::string name = predictor_name(kind, site, layer);
      train({name, name, site, inputs(layer_read(kind, layer)), of_layer.contiguous(),
             layer_predictor_seed(context_.seed(), layer, site)});
    }
  }

  void train(const Lesson& lesson) {
    const std::int64_t width = lesson.inputs.size(1);
    Predictor predictor = fresh_predictor(
        shadowllm_form(width, rank_of(params_, lesson.site, kRank, width), lesson.targets.size(1)),
        lesson.seed);
    const ShadowFit fit = train_shadow(predictor, lesson.inputs, lesson.targets,
                                       training_settings(params_, lesson.site, lesson.seed),
                                       hooks_of(context_, lesson.told));
    store_predictor(artefact_, lesson.name, predictor);
    context_.metric("predictor/correlation/" + lesson.told, fit.held_out.mean);
    context_.metric("predictor/held_out_loss/" + lesson.told, fit.held_out_loss);
    context_.metric("predictor/left_out/" + lesson.told, static_cast<double>(fit.left_out));
  }

  const ModelSpec& spec_;
  FitContext& context_;
  const Params& params_;
  const Artefact& traces_;
  Artefact artefact_;
};

}  // namespace

Artefact train_predictors(const Model& model, FitContext& context, const Params& params) {
  return Trainings(model, context, params).run();
}

}  // namespace assay::shadowllm
