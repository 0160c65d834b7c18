#include "methods/dejavu/traces.h"

#include <ATen/ops/isfinite.h>
#include <fmt/format.h>

#include <set>

#include "harness/base/cell_errors.h"
#include "harness/contextual/chooser.h"
#include "harness/contextual/predictor_labels.h"
#include "harness/contextual/routed_model.h"
#include "harness/contextual/tracing.h"

namespace assay::dejavu {
namespace {

/// Adds to a trace what the pass of a sequence shows.
class Recorder final : public ActivationRecorder {
 public:
  Recorder(const Model& model, const Params& params, TraceFile& trace)
      : model_(model), params_(params), trace_(trace) {
    for (std::int64_t l = 1; l < model.layer_count(); ++l) {
      for (const RoutingSite site : {RoutingSite::kHeads, RoutingSite::kNeurons}) {
        streams_.insert(predicted_from(params.get_text("lookahead"), site, l));
      }
    }
  }

  void record(std::int64_t layer, Tap tap, const at::Tensor& rows, const StepContext&) override {
    switch (tap) {
      case Tap::kAttentionStream:
        return keep_stream({layer, RoutingSite::kHeads}, rows);
      case Tap::kFfnStream:
        return keep_stream({layer, RoutingSite::kNeurons}, rows);
      case Tap::kOutInput:
        if (layer > 0) trace_.append(head_norms_name(layer), head_norms(rows, heads(layer)));
        return;
      case Tap::kDownInput:
        if (layer > 0) trace_.append(neuron_labels_name(layer), pack_labels(labels(rows)));
        return;
      default:
        return;
    }
  }

 private:
  [[nodiscard]] std::int64_t heads(std::int64_t layer) const {
    return model_.spec().layer(layer).heads;
  }

  void keep_stream(const StreamPlace& place, const at::Tensor& rows) {
    if (!streams_.contains(place)) return;
    if (!at::isfinite(rows).all().item<bool>()) {
      throw NonFiniteValue("traced_stream",
                           fmt::format("layer {}: the stream of {} holds NaN or infinity",
                                       place.layer, site_name(place.site)));
    }
    trace_.append(stream_name(place), rows.to(at::kBFloat16));
  }

  /// bool [n, neurons]
  [[nodiscard]] at::Tensor labels(const at::Tensor& values) const {
    if (params_.get_text("ffn_labels") == "fired") return active_labels(values);
    const std::int64_t count =
        count_of_density(params_.get_real("ffn_label_density"), values.size(1));
    return largest_labels(values.abs(), count);
  }

  const Model& model_;
  const Params& params_;
  TraceFile& trace_;
  std::set<StreamPlace> streams_;
};

}  // namespace

std::vector<std::string> traced_params() {
  return {"lookahead", "ffn_labels", "ffn_label_density"};
}

std::string stream_name(const StreamPlace& place) {
  const bool attention = place.site == RoutingSite::kHeads;
  return fmt::format("layer.{}.{}", place.layer, attention ? "attention_stream" : "ffn_stream");
}

std::string head_norms_name(std::int64_t layer) {
  return fmt::format("layer.{}.head_norms", layer);
}

std::string neuron_labels_name(std::int64_t layer) {
  return fmt::format("layer.{}.neuron_labels", layer);
}

Artefact trace(const Model& model, FitContext& context, const Params& params) {
  for (std::int64_t i = 0; i < model.layer_count(); ++i) {
    require_dense_attention(model, i);
    require_dense_ffn(model, i);
  }
  const Json settings = traced_settings("dejavu", params, traced_params());
  return trace_calibration(model, context, settings,
                           [&](const CalibrationSequence& sequence, TraceFile& trace) {
                             Recorder recorder(model, params, trace);
                             const at::Tensor batch = sequence.tokens.unsqueeze(0);
                             (void)model.hidden(batch.to(model.device()), &recorder);
                           });
}

}  // namespace assay::dejavu
