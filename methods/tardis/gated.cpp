#include "methods/tardis/gated.h"

#include <ATen/ops/isfinite.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/zeros_like.h>
#include <fmt/format.h>

#include <limits>

#include "harness/base/errors.h"
#include "harness/method/affine_ffn.h"
#include "harness/method/calibration_rows.h"
#include "harness/method/layerwise.h"
#include "harness/model/kernels/linear.h"
#include "harness/model/standard_ffn.h"
#include "methods/tardis/block.h"
#include "methods/tardis/fold.h"

namespace assay {
namespace {

/// Sums from which the constants come: of s and 1, or of s u^2 and u^2.
class GatePass final : public ActivationRecorder {
 public:
  GatePass(const Layer& layer, ActivationKind activation, const TardisSettings& settings)
      : gate_(layer.dense(Slot::kGate)),
        up_(layer.dense(Slot::kUp)),
        activation_(activation),
        weighted_(settings.gate == GateMode::kOls),
        rows_({.skip_first_tokens = settings.skip_first_tokens}) {}

  void record(std::int64_t layer, Tap tap, const at::Tensor& rows,
              const StepContext& step) override {
    if (tap != Tap::kFfnInput) return;
    const at::Tensor x = rows_.select(rows, step);
    at::Tensor s = activate(dense_product(x, gate_.weight(), gate_.bias()), activation_);
    at::Tensor weight = at::ones_like(s);
    if (weighted_) weight = dense_product(x, up_.weight(), up_.bias()).square_();
    add(top_, s.mul_(weight));
    add(bottom_, weight);
    if (top_.isfinite().all().item<bool>()) return;
    throw UserError(fmt::format(
        "layer {}: the gate's activations are not finite on the calibration text; check the "
        "model's weights, or leave the layer out with skip_layers",
        layer));
  }

  /// f64 [neurons]
  [[nodiscard]] at::Tensor constants() const {
    return top_.div(bottom_.clamp_min(std::numeric_limits<double>::min()));
  }

 private:
  static void add(at::Tensor& sum, const at::Tensor& rows) {
    const at::Tensor more = rows.to(at::kDouble).sum(0);
    sum = sum.defined() ? sum.add_(more) : more;
  }

  const DenseLinear& gate_;
  const DenseLinear& up_;
  ActivationKind activation_;
  bool weighted_;
  CalibrationRows rows_;
  at::Tensor top_, bottom_;
};

}  // namespace

Artefact fit_gated(const Model& model, FitContext& context, const TardisSettings& settings) {
  Artefact artefact;
  artefact.plan = {{"gated", true}, {"layers", Json::array()}};
  const ActivationKind activation = model.spec().activation;
  const WalkOptions walk{.calibrate_on = CalibrateOn::kDense, .observations = 1};
  for_each_layer(model, context, walk, [&](LayerVisit& visit) -> std::optional<Layer> {
    if (settings.skips(visit.index())) return std::nullopt;
    GatePass pass(visit.layer(), activation, settings);
    visit.observe(pass);
    const at::Tensor c = pass.constants();
    const Folded folded = fold(plain_ffn(visit.layer(), activation), c, at::zeros_like(c));
    artefact.plan["layers"].push_back(visit.index());
    artefact.tensors[tardis_tensor(visit.index(), "fold")] = folded.weight.to(at::kCPU, at::kFloat);
    artefact.tensors[tardis_tensor(visit.index(), "fold_bias")] =
        folded.bias.to(at::kCPU, at::kFloat);
    return std::nullopt;
  });
  return artefact;
}

void apply_gated(Model& model, const Artefact& artefact) {
  for (const Json& entry : artefact.plan.at("layers")) {
    const auto index = entry.get<std::int64_t>();
    Layer& layer = model.layers().at(static_cast<std::size_t>(index));
    layer.ffn = make_affine_ffn(artefact_tensor(artefact, tardis_tensor(index, "fold")),
                                artefact_tensor(artefact, tardis_tensor(index, "fold_bias")),
                                layer.dense(Slot::kUp).weight());
  }
}

}  // namespace assay
