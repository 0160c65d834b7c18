#include "methods/tardis/quality.h"

#include <ATen/ops/quantile.h>
#include <fmt/format.h>

namespace assay {
namespace {

/// Where a share has no denominator the answer is that nothing went wrong.
double share(const at::Tensor& part, const at::Tensor& whole) {
  const double all = whole.sum().item<double>();
  return all > 0 ? part.sum().item<double>() / all : 1.0;
}

at::Tensor outside(const at::Tensor& z, const at::Tensor& low, const at::Tensor& high) {
  return z.ge(low).logical_and_(z.le(high)).logical_not_();
}

double normalised_error(const at::Tensor& y, const at::Tensor& truth) {
  const double spread = truth.sub(truth.mean(0)).square().sum().item<double>();
  const double error = y.sub(truth).square().sum().item<double>();
  return spread > 0 ? error / spread : 0.0;
}

}  // namespace

double union_share(const at::Tensor& chosen, std::int64_t batch) {
  const std::int64_t steps = chosen.size(0) / batch;
  if (steps == 0) return 0;
  const at::Tensor together =
      chosen.narrow(0, 0, steps * batch).view({batch, steps, chosen.size(1)}).any(0);
  return together.to(at::kFloat).mean().item<double>();
}

LayerQuality layer_quality(const Artefact& artefact, std::int64_t index, const Layer& layer,
                           ActivationKind activation, const at::Tensor& rows) {
  const PlainFfn ffn = plain_ffn(layer, activation);
  const NeuronWindows windows = load_windows(artefact, index, ffn.up);
  const auto edge = [&](const char* name) {
    return artefact_tensor(artefact, tardis_tensor(index, name)).to(rows.device());
  };
  const at::Tensor z = ffn.pre_activations(rows);
  const at::Tensor chosen =
      outside(load_predictor(artefact, index, ffn)(rows), windows.low, windows.high);
  const at::Tensor sometimes = windows.low.le(windows.high);
  const at::Tensor left =
      outside(z, edge("window_low"), edge("window_high")).logical_and_(sometimes);
  const at::Tensor hits = left.logical_and(chosen);
  const StepContext step;
  const at::Tensor y = make_tardis_ffn(artefact, index, layer, activation)->masked(rows, step);
  LayerQuality quality;
  quality.precision = share(hits, chosen.logical_and(sometimes));
  quality.recall = share(hits, left);
  quality.counts = chosen.sum(1).to(at::kFloat);
  quality.realised = quality.counts.mean().item<double>() / static_cast<double>(ffn.neurons());
  quality.union_of_8 = union_share(chosen, 8);
  quality.nmse = normalised_error(y, ffn.project(ffn.activated(z)));
  return quality;
}

void report_layer(FitContext& context, std::int64_t index, const LayerQuality& quality) {
  context.metric(fmt::format("predictor/layer.{}/precision", index), quality.precision);
  context.metric(fmt::format("predictor/layer.{}/recall", index), quality.recall);
  context.metric(fmt::format("fallback/layer.{}/realised", index), quality.realised);
  context.metric(fmt::format("fallback/layer.{}/union_of_8", index), quality.union_of_8);
  context.metric(fmt::format("nmse/layer.{}", index), quality.nmse);
}

void report_sizes(FitContext& context, const FfnShape& shape, double predictor_share,
                  const std::vector<LayerQuality>& layers) {
  if (layers.empty()) return;
  at::Tensor counts = layers.front().counts;
  for (std::size_t i = 1; i < layers.size(); ++i) counts = counts.add(layers[i].counts);
  const at::Tensor fallback =
      counts.div(static_cast<double>(layers.size()) * static_cast<double>(shape.neurons));
  const double mean = fallback.mean().item<double>();
  const double p95 = at::quantile(fallback, 0.95).item<double>();
  const double fixed = fold_share(shape) + predictor_share;
  context.metric("fallback/realised", mean);
  context.metric("size/paper_ratio", paper_ratio(shape, mean));
  context.metric("size/touched_share_mean", fixed + mean);
  context.metric("size/touched_share_p95", fixed + p95);
  context.metric("size/resident_share", 1 + fixed);
  context.metric("size/host_share", 0);
}

}  // namespace assay
