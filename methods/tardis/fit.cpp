#include "methods/tardis/fit.h"

#include <ATen/ops/empty.h>
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "harness/method/ffn_widths.h"
#include "harness/method/layerwise.h"
#include "harness/method/masks.h"
#include "methods/tardis/block.h"
#include "methods/tardis/quality.h"
#include "methods/tardis/recorders.h"

namespace assay {
namespace {

/// With fewer tokens than inputs the Hessian has no full rank; this much more of its diagonal.
constexpr double kDampingOfFewTokens = 0.1;

/// What one layer's calibration gave.
struct LearntLayer {
  std::int64_t index = 0;
  LayerOptions options;
  FullLines full;
  at::Tensor held;
};

class TardisFit {
 public:
  TardisFit(const Model& model, FitContext& context, const TardisSettings& settings)
      : model_(model), context_(context), settings_(settings) {
    const std::int64_t samples = context.calibration().size(0);
    const std::int64_t fitted = fitted_samples(samples);
    fitted_ = {settings.skip_first_tokens, 0, fitted};
    held_ = {settings.skip_first_tokens, fitted, samples};
    warn_of_few_tokens(fitted);
  }

  Artefact run(const std::string& predictor) {
    store_policy(artefact_, settings_, predictor);
    settings_.sequential ? run_sequential() : run_dense();
    report();
    return std::move(artefact_);
  }

 private:
  void warn_of_few_tokens(std::int64_t fitted) {
    const std::int64_t tokens = fitted * std::max<std::int64_t>(0, context_.calibration().size(1) -
                                                                       settings_.skip_first_tokens);
    if (tokens >= model_.spec().width) return;
    settings_.predictor.damping = std::max(settings_.predictor.damping, kDampingOfFewTokens);
    context_.warn("few_calibration_tokens",
                  fmt::format("{} calibration tokens are fitted on, fewer than the {} inputs of a "
                              "block: windows and predictor rest on little, damping is {}; give "
                              "more samples or tokens",
                              tokens, model_.spec().width, settings_.predictor.damping));
  }

  LearntLayer learn(LayerVisit& visit) {
    const PlainFfn ffn = plain_ffn(visit.layer(), model_.spec().activation);
    RangePass range(ffn, fitted_);
    visit.observe(range);
    const std::string path = slot_path(visit.index(), Slot::kUp);
    store_predictor(artefact_, tardis_tensor(visit.index(), "predictor"), settings_.predictor,
                    weight_for_fit(visit.layer().dense(Slot::kUp)), range.hessian(),
                    warn_of_retry(context_, path));
    const NeuronPredictor predictor = load_predictor(artefact_, visit.index(), ffn);
    ResponsePass pass(
        ffn, [&](const at::Tensor& rows) { return predictor(rows); }, range.scale(settings_.bins),
        fitted_, held_);
    visit.observe(pass);
    const double least = std::numeric_limits<double>::min();
    const LayerResponse response =
        pass.finish(settings_.kappa, 1 / std::max(range.output_variance(), least));
    return learnt(visit.index(), response, pass.held_rows());
  }

  LearntLayer learnt(std::int64_t index, const LayerResponse& response, const at::Tensor& held) {
    const std::int64_t neurons = response.pre.scale().neurons();
    LearntLayer layer{
        index, {}, {at::empty({neurons}, at::kFloat), at::empty({neurons}, at::kFloat)}, held};
    for (std::int64_t j = 0; j < neurons; ++j) {
      std::vector<WindowOption> options = window_options(response, j);
      layer.full.slope.mutable_data_ptr<float>()[j] = options.front().slope;
      layer.full.intercept.mutable_data_ptr<float>()[j] = options.front().intercept;
      const bool all = settings_.thresholds == ThresholdPolicy::kUniform;
      layer.options.push_back(all ? std::move(options) : convex_hull(std::move(options)));
    }
    return layer;
  }

  std::vector<LearntLayer> learn_all() {
    std::vector<LearntLayer> layers;
    const WalkOptions walk{.calibrate_on = CalibrateOn::kDense, .observations = 2};
    for_each_layer(model_, context_, walk, [&](LayerVisit& visit) -> std::optional<Layer> {
      if (!settings_.skips(visit.index())) layers.push_back(learn(visit));
      return std::nullopt;
    });
    return layers;
  }

  /// Takes the options out of the layers.
  std::vector<LayerChoice> choose(std::vector<LearntLayer>& layers) {
    std::vector<LayerOptions> options;
    for (LearntLayer& layer : layers) options.push_back(std::move(layer.options));
    return choose_windows(options, settings_.thresholds, settings_.fallback);
  }

  void run_dense() {
    std::vector<LearntLayer> layers = learn_all();
    const std::vector<LayerChoice> choices = choose(layers);
    for (std::size_t i = 0; i < layers.size(); ++i) keep(layers[i], choices[i]);
  }

  /// Budgets of the layers come from the dense model where layers compete; windows, lines and
  /// predictors from behind the folded layers.
  void run_sequential() {
    std::vector<double> budgets(static_cast<std::size_t>(model_.layer_count()), settings_.fallback);
    if (settings_.thresholds == ThresholdPolicy::kLayerAndNeuron) {
      std::vector<LearntLayer> layers = learn_all();
      const std::vector<LayerChoice> choices = choose(layers);
      for (std::size_t i = 0; i < layers.size(); ++i) {
        budgets[static_cast<std::size_t>(layers[i].index)] = mean_fallback(choices[i]);
      }
    }
    const WalkOptions walk{.calibrate_on = CalibrateOn::kCompressed, .observations = 2};
    for_each_layer(model_, context_, walk, [&](LayerVisit& visit) -> std::optional<Layer> {
      if (settings_.skips(visit.index())) return std::nullopt;
      LearntLayer layer = learn(visit);
      const double budget = budgets[static_cast<std::size_t>(visit.index())];
      keep(layer, choose_windows({layer.options}, settings_.thresholds, budget).front());
      Layer folded = visit.layer().clone();
      folded.ffn = make_tardis_ffn(artefact_, visit.index(), folded, model_.spec().activation);
      return folded;
    });
  }

  void keep(const LearntLayer& learnt, const LayerChoice& choice) {
    const Layer& layer = model_.layers()[static_cast<std::size_t>(learnt.index)];
    const ActivationKind activation = model_.spec().activation;
    store_layer(artefact_, learnt.index, plain_ffn(layer, activation), choice, learnt.full,
                settings_.policy);
    const double planned = mean_fallback(choice);
    planned_ += planned;
    context_.metric(fmt::format("fallback/layer.{}/planned", learnt.index), planned);
    if (!learnt.held.defined()) return;
    qualities_.push_back(layer_quality(artefact_, learnt.index, layer, activation, learnt.held));
    report_layer(context_, learnt.index, qualities_.back());
  }

  void report() {
    const auto layers = static_cast<double>(artefact_.plan["layers"].size());
    if (layers == 0) return;
    context_.metric("fallback/planned", planned_ / layers);
    const FfnShape shape{model_.spec().width, ffn_width_of(model_.spec())};
    report_sizes(context_, shape, predictor_bytes_share(settings_.predictor, shape), qualities_);
  }

  const Model& model_;
  FitContext& context_;
  TardisSettings settings_;
  RowFilter fitted_, held_;
  Artefact artefact_;
  std::vector<LayerQuality> qualities_;
  double planned_ = 0;
};

}  // namespace

Artefact fit_tardis(const Model& model, FitContext& context, const TardisSettings& settings,
                    const std::string& predictor) {
  return TardisFit(model, context, settings).run(predictor);
}

}  // namespace assay
