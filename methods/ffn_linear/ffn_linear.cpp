// The plain baseline of methods that make feed-forward blocks partly linear: one affine map for
// the whole block, by least squares.
#include <ATen/ops/empty.h>
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "harness/method/affine_ffn.h"
#include "harness/method/calibration_rows.h"
#include "harness/method/layerwise.h"
#include "harness/method/optimal_brain_surgeon.h"
#include "methods/ffn_linear/affine_moments.h"

namespace assay {
namespace {

constexpr double kDampingOfFewTokens = 0.1;

/// Inputs and outputs of one block: those fitted on, and those held out.
class BlockPass final : public ActivationRecorder {
 public:
  BlockPass(const Ffn& ffn, std::int64_t samples, std::int64_t skip_first_tokens)
      : ffn_(ffn),
        fitted_rows_({skip_first_tokens, 0, fitted_samples(samples)}),
        held_rows_({skip_first_tokens, fitted_samples(samples), samples}) {}

  void record(std::int64_t, Tap tap, const at::Tensor& rows, const StepContext& step) override {
    if (tap != Tap::kFfnInput) return;
    add(fitted, fitted_rows_.select(rows, step));
    add(held, held_rows_.select(rows, step));
  }

  AffineMoments fitted, held;

 private:
  void add(AffineMoments& moments, const at::Tensor& x) const {
    StepContext alone;
    if (x.size(0) > 0) moments.add(x, ffn_.forward(x, alone));
  }
  const Ffn& ffn_;
  CalibrationRows fitted_rows_, held_rows_;
};

std::vector<ParamSpec> ffn_linear_params() {
  ParamSpec skip;
  skip.name = "skip_layers";
  skip.type = ParamType::kIntList;
  skip.default_value = Json::array();
  skip.help = "Layers that stay as they are, counted from 0";
  ParamSpec first;
  first.name = "skip_first_tokens";
  first.type = ParamType::kInt;
  first.default_value = 0;
  first.min = 0;
  first.unit = "tokens";
  first.help = "Leading tokens of each calibration sequence that are not counted";
  ParamSpec calibrate_on = calibrate_on_param();
  calibrate_on.default_value = "dense";
  calibrate_on.help =
      "Whether a layer is fitted behind replaced ('compressed') or behind dense layers";
  return {damping_param(), skip, first, calibrate_on};
}

/// Empty, of the type and on the device that the model computes in. What stands in the block now
/// may be anything.
at::Tensor like_weights_of(const Model& model) {
  return at::empty({0}, at::TensorOptions(model.dtype()).device(model.device()));
}

class FfnLinearFit {
 public:
  FfnLinearFit(const Model& model, FitContext& context, const Params& params)
      : model_(model),
        context_(context),
        damping_(params.get_real("damping")),
        skip_first_tokens_(params.get_int("skip_first_tokens")),
        skip_(params.get_int_list("skip_layers")) {
    walk_.calibrate_on = calibrate_on_value(params);
  }

  Artefact run() {
    artefact_.plan["layers"] = Json::array();
    for_each_layer(model_, context_, walk_, [&](LayerVisit& visit) -> std::optional<Layer> {
      const bool skipped = std::find(skip_.begin(), skip_.end(), visit.index()) != skip_.end();
      if (skipped || !visit.layer().ffn) return std::nullopt;
      const AffineMap map = fit_layer(visit);
      if (walk_.calibrate_on == CalibrateOn::kDense) return std::nullopt;
      Layer changed = visit.layer().clone();
      changed.ffn = make_affine_ffn(map.weight, map.bias, like_weights_of(model_));
      return changed;
    });
    return std::move(artefact_);
  }

 private:
  AffineMap fit_layer(LayerVisit& visit) {
    BlockPass pass(*visit.layer().ffn, context_.calibration().size(0), skip_first_tokens_);
    visit.observe(pass);
    double used = 0;
    const AffineMap map = pass.fitted.solve(enough(pass.fitted, visit.index()), used);
    if (used > damping_) report_damping(visit.index(), used);
    if (pass.held.rows() > 0) {
      context_.metric(fmt::format("nmse/layer.{}", visit.index()), pass.held.normalised_error(map));
    }
    const std::string name = fmt::format("layer.{}.", visit.index());
    artefact_.plan["layers"].push_back(visit.index());
    artefact_.tensors[name + "weight"] = map.weight.to(at::kCPU, at::kFloat);
    artefact_.tensors[name + "bias"] = map.bias.to(at::kCPU, at::kFloat);
    return map;
  }

  /// The damping that this many rows need.
  double enough(const AffineMoments& moments, std::int64_t layer) {
    const std::int64_t unknowns = model_.spec().width + 1;
    if (moments.rows() >= unknowns) return damping_;
    const double damping = std::max(damping_, kDampingOfFewTokens);
    context_.warn("few_calibration_tokens",
                  fmt::format("layer {}: {} calibration tokens for {} unknowns of each output: the "
                              "map rests on damping {}; give more samples or tokens",
                              layer, moments.rows(), unknowns, damping));
    return damping;
  }

  void report_damping(std::int64_t layer, double used) {
    context_.metric(fmt::format("damping/layer.{}", layer), used);
  }

  const Model& model_;
  FitContext& context_;
  double damping_;
  std::int64_t skip_first_tokens_;
  std::vector<std::int64_t> skip_;
  WalkOptions walk_;
  Artefact artefact_;
};

class FfnLinear final : public Method {
 public:
  [[nodiscard]] MethodInfo info() const override {
    MethodInfo info;
    info.name = "ffn_linear";
    info.summary = "Replaces each FFN by the affine map that fits it best (a baseline)";
    info.citation = "Ordinary least squares; the baseline of partly linear feed-forward blocks";
    info.params = ffn_linear_params();
    info.needs.calibration = true;
    return info;
  }

  [[nodiscard]] std::vector<std::string> unmet(const ModelSpec& spec,
                                               const Params& params) const override {
    std::vector<std::string> problems;
    for (const std::int64_t layer : params.get_int_list("skip_layers")) {
      if (layer >= 0 && layer < spec.layers) continue;
      problems.push_back(fmt::format("skip_layers names layer {}; this model has layers 0 to {}",
                                     layer, spec.layers - 1));
    }
    return problems;
  }

  [[nodiscard]] Artefact fit(const Model& model, FitContext& context,
                             const Params& params) const override {
    return FfnLinearFit(model, context, params).run();
  }

  void apply(Model& model, const Artefact& artefact) const override {
    for (const Json& entry : artefact.plan.at("layers")) {
      const auto index = entry.get<std::int64_t>();
      const std::string name = fmt::format("layer.{}.", index);
      Layer& layer = model.layers().at(static_cast<std::size_t>(index));
      layer.ffn = make_affine_ffn(artefact.tensors.at(name + "weight"),
                                  artefact.tensors.at(name + "bias"), like_weights_of(model));
    }
  }
};

}  // namespace

void register_ffn_linear(MethodRegistry& registry) { registry.add(std::make_unique<FfnLinear>()); }

}  // namespace assay
