#include "methods/dejavu/traces.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/isfinite.h>
#include <fmt/format.h>

#include <map>
#include <set>
#include <utility>
#include <vector>

#include "harness/base/cell_errors.h"
#include "harness/contextual/chooser.h"
#include "harness/contextual/predictor_labels.h"
#include "harness/contextual/routed_model.h"

namespace assay::dejavu {
namespace {

/// Keeps what a pass shows, a part a sequence.
class Recorder final : public ActivationRecorder {
 public:
  Recorder(const Model& model, const Params& params) : model_(model), params_(params) {
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
        if (layer > 0) keep(head_norms_name(layer), head_norms(rows, heads(layer)));
        return;
      case Tap::kDownInput:
        if (layer > 0) keep(neuron_labels_name(layer), pack_labels(labels(rows)));
        return;
      default:
        return;
    }
  }

  Artefact artefact() {
    Artefact all;
    for (auto& [name, parts] : parts_) all.tensors[name] = at::cat(parts);
    return all;
  }

 private:
  [[nodiscard]] std::int64_t heads(std::int64_t layer) const {
    return model_.spec().layer(layer).heads;
  }

  void keep(const std::string& name, const at::Tensor& rows) {
    parts_[name].push_back(rows.to(at::kCPU).clone());
  }

  void keep_stream(const StreamPlace& place, const at::Tensor& rows) {
    if (!streams_.contains(place)) return;
    if (!at::isfinite(rows).all().item<bool>()) {
      throw NonFiniteValue("traced_stream",
                           fmt::format("layer {}: the stream of {} holds NaN or infinity",
                                       place.layer, site_name(place.site)));
    }
    keep(stream_name(place), rows.to(at::kBFloat16));
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
  std::set<StreamPlace> streams_;
  std::map<std::string, std::vector<at::Tensor>> parts_;
};

}  // namespace

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
  Recorder recorder(model, params);
  const at::Tensor tokens = context.calibration().to(model.device());
  for (std::int64_t i = 0; i < tokens.size(0); ++i) {
    (void)model.hidden(tokens.narrow(0, i, 1), &recorder);
    context.progress(i + 1, tokens.size(0), "traced sequences");
  }
  return recorder.artefact();
}

}  // namespace assay::dejavu
