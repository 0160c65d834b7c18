// Neural architecture search over the sub-networks of a pretrained model: units by importance, a
// super-network trained through shared weights, a search, and one network of a wanted size.
#include <fmt/format.h>

#include "harness/base/errors.h"
#include "harness/train/training_forms.h"
#include "methods/nas/settings.h"
#include "methods/nas/stages.h"

namespace assay {
namespace nas {
namespace {

class Nas final : public Method {
 public:
  [[nodiscard]] MethodInfo info() const override {
    MethodInfo info;
    info.name = "nas";
    info.summary =
        "Searches the sub-networks of a model, trained once through shared weights, for the best "
        "of a size";
    info.citation =
        "Klein et al., Structural Pruning of Pre-trained Language Models via Neural Architecture "
        "Search, 2024, arXiv 2405.02267; Sukthanker et al., LLM Compression with Neural "
        "Architecture Search, 2024, arXiv 2410.06479";
    info.params = settings_params();
    info.stages = stages();
    info.needs.calibration = true;
    info.needs.calibration_unless = {unsorted({{"grid_bins", 0}}), unsorted({{"trains", "none"}}),
                                     unsorted({{"grid_by", "random"}}),
                                     unsorted({{"grid_by", "magnitude"}})};
    info.needs.training = {labelled_need(), text_need()};
    return info;
  }

  [[nodiscard]] std::vector<std::string> unmet(const ModelSpec& spec,
                                               const Params& params) const override {
    std::vector<std::string> problems;
    const bool predicts = spec.causal && spec.output == OutputKind::kVocabulary;
    if (!predicts && params.get_text("layers_by") == "perplexity") {
      problems.emplace_back(
          "layers_by = 'perplexity' needs a model that predicts the next token; set it to "
          "'influence' or 'position'");
    }
    const bool has_grid = grid_settings(params).bins > 0 && trains(params) != Trains::kNone;
    if (!predicts && has_grid && grid_settings(params).by == GridBy::kPerplexity) {
      problems.emplace_back(
          "grid_by = 'perplexity' needs a model that predicts the next token; set it to "
          "'magnitude' or 'random'");
    }
    if (!predicts && by_latency(params) && params.get_text("latency_of") == "decode") {
      problems.emplace_back(
          "latency_of = 'decode' needs a model that predicts the next token; set it to 'pass'");
    }
    if (params.get_int("front_point") > 0 && params.get_real("target") != kUsualTarget) {
      problems.emplace_back("front_point and target both say what is picked; set one of them");
    }
    add_space_problems(spec, params, problems);
    return problems;
  }

  [[nodiscard]] Artefact fit_stage(const std::string& stage, const Model& model,
                                   FitContext& context, const Params& params) const override {
    if (stage == kSort) return sort_units(model, context, params);
    if (stage == kLatency) return time_networks(model, context, params);
    if (stage == kGrid) return calibrate_grid(model, context, params);
    if (stage == kSuper) return train_super(model, context, params);
    if (stage == kSearch) return search_networks(model, context, params);
    if (stage == kFront) return time_front(model, context, params);
    return pick_network(model, context, params);
  }

  void apply(Model& model, const Artefact& artefact) const override {
    apply_network(model, artefact);
  }

 private:
  /// Nothing is ranked by what units do, and no network by the calibration text.
  static ParamCondition unsorted(Json more) {
    Json values = {{"sort", "none"}, {"layers_by", "position"}};
    values.update(more);
    return {std::move(values)};
  }

  static std::vector<StageInfo> stages() {
    const std::vector<ParamCondition> latency = {{{{"cost", "latency"}}}};
    const std::vector<ParamCondition> clock = {{{{"cost", "latency"}, {"latency_by", "clock"}}}};
    return {
        {.name = kSort, .params = sort_params(), .inputs = {}, .calibration = true},
        {.name = kLatency,
         .params = latency_params(),
         .inputs = {},
         .when = latency,
         .timed_when = latency},
        {.name = kGrid, .params = grid_params(), .inputs = {kSort}, .calibration = true},
        {.name = kSuper, .params = training_params(), .inputs = {kSort, kGrid}, .training = true},
        {.name = kSearch,
         .params = search_params(),
         .inputs = {kSort, kLatency, kSuper},
         .training = true,
         .timed_when = clock},
        {.name = kFront,
         .params = latency_params(),
         .inputs = {kSort, kLatency, kSearch},
         .when = latency,
         .timed_when = latency},
        {.name = kPick, .params = pick_params(), .inputs = {kSort, kSuper, kSearch, kFront}},
    };
  }

  /// Settings that the searcher cannot work with in this space.
  static void try_searcher(const search::Space& space, const Params& params) {
    const search::SearcherInfo& searcher = search::searcher(params.get_text("searcher"));
    const search::SearcherSettings settings = searcher_settings(params, 0);
    search::require_settings(searcher, settings);
    try {
      static_cast<void>(searcher.make(space, settings));
    } catch (const MachineError&) {
      // What this machine lacks is no matter of the settings: the fit says it.
    }
  }

  /// A space that the model does not have, and a target below what it reaches.
  static void add_space_problems(const ModelSpec& spec, const Params& params,
                                 std::vector<std::string>& problems) {
    try {
      const subnetwork::NetworkSpace space(spec, space_settings(params), {});
      try_searcher(space.space(), params);
      const double target = params.get_real("target");
      // What the fastest network takes is known once it was timed; a picked point has its size.
      if (by_latency(params) || params.get_int("front_point") > 0) return;
      if (target >= space.floor()) return;
      problems.push_back(fmt::format(
          "target = {}: embeddings, output and the smallest layers of this space are {:.4f} of the "
          "model; set target to that or more, choose a space with smaller networks, or cost = "
          "'layer_parameters'",
          target, space.floor()));
    } catch (const UserError& error) {
      problems.emplace_back(error.what());
    }
  }
};

}  // namespace
}  // namespace nas

void register_nas(MethodRegistry& registry) { registry.add(std::make_unique<nas::Nas>()); }

}  // namespace assay
