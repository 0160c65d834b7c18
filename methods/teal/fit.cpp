#include "methods/teal/fit.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/tensor.h>
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "harness/method/layerwise.h"
#include "methods/teal/allocation.h"
#include "methods/teal/blocks.h"
#include "methods/teal/threshold.h"

namespace assay::teal {
namespace {

/// Tokens that run at once while a block's error is measured (at least one sequence).
constexpr std::int64_t kBatchTokens = 4096;

std::string table_name(std::int64_t layer, Place place) {
  return fmt::format("layer.{}.{}", layer, place_name(place));
}

/// Sequences of the calibration text as they stand before a layer, and after it.
struct RowsOfBatch {
  std::int64_t sequences;
  at::Tensor before, after;  ///< [sequences * tokens, width]
};

/// Some calibration sequences, walked through the unchanged model layer by layer.
class ErrorRows {
 public:
  ErrorRows(const Model& model, const at::Tensor& tokens) : model_(model), tokens_(tokens.size(1)) {
    const std::int64_t together = std::max<std::int64_t>(1, kBatchTokens / tokens_);
    for (const at::Tensor& part : tokens.split(together)) {
      batches_.push_back({part.size(0), {}, model.embed(part.to(model.device()).contiguous())});
    }
  }

  /// To behind this layer; the layers come in order.
  void advance(std::int64_t index) {
    index_ = index;
    const Layer& layer = model_.layers()[static_cast<std::size_t>(index)];
    for (RowsOfBatch& batch : batches_) {
      batch.before = batch.after;
      batch.after = model_.run_layer(layer, index, batch.before, batch.sequences);
    }
  }

  /// Squared L2 distance of what `changed` gives in the layer's place, over all tokens but the
  /// first of each sequence: in many models its norm is so large that it would decide alone.
  [[nodiscard]] double error(const Layer& changed) const {
    double sum = 0;
    for (const RowsOfBatch& batch : batches_) {
      const at::Tensor out = model_.run_layer(changed, index_, batch.before, batch.sequences);
      const at::Tensor apart = (out.to(at::kFloat) - batch.after.to(at::kFloat))
                                   .view({batch.sequences, tokens_, -1})
                                   .slice(1, tokens_ > 1 ? 1 : 0);
      sum += apart.square().sum(at::kDouble).item<double>();
    }
    return sum;
  }

 private:
  const Model& model_;
  std::int64_t tokens_;
  std::int64_t index_ = 0;
  std::vector<RowsOfBatch> batches_;
};

double threshold_for(const at::Tensor& quantiles, double sparsity) {
  return sparsity > 0 ? magnitude_at(quantiles, sparsity) : kNoThreshold;
}

/// Second stage.
class Choice {
 public:
  Choice(const Model& model, FitContext& context, const Params& params)
      : model_(model),
        context_(context),
        params_(params),
        tables_(context.input(kMagnitudes)),
        sparsity_(params.get_real("sparsity")) {
    if (params.get_text("allocation") != "greedy") return;
    const at::Tensor& tokens = context.calibration();
    const std::int64_t samples = std::min(params.get_int("allocation_samples"), tokens.size(0));
    rows_.emplace(model, tokens.narrow(0, 0, samples));
  }

  Artefact run() {
    artefact_.plan["variant"] = params_.get_text("variant");
    artefact_.plan["prompt"] = params_.get_text("prompt");
    if (sparsity_ == 0) return std::move(artefact_);  // every block stays as it is
    for (std::int64_t i = 0; i < model_.layer_count(); ++i) {
      context_.progress(i, model_.layer_count(), "thresholds");
      choose(i);
    }
    context_.progress(model_.layer_count(), model_.layer_count(), "thresholds");
    if (bytes_ > 0) context_.metric("planned_input_sparsity", saved_ / bytes_);
    return std::move(artefact_);
  }

 private:
  [[nodiscard]] const Layer& layer(std::int64_t index) const {
    return model_.layers()[static_cast<std::size_t>(index)];
  }
  [[nodiscard]] const at::Tensor& table(std::int64_t index, Place place) const {
    return tables_.tensors.at(table_name(index, place));
  }

  [[nodiscard]] std::vector<Place> places(std::int64_t index) const {
    if (!is_cats(params_)) {
      return places_of(layer(index), takes_attention(params_), takes_ffn(params_));
    }
    return layer(index).ffn ? std::vector<Place>{Place::kGate} : std::vector<Place>();
  }

  void choose(std::int64_t index) {
    if (rows_) rows_->advance(index);
    const std::vector<Place> places = this->places(index);
    if (places.empty()) return;
    for (const Place place : places) require_dense_block(layer(index), index, place);
    std::vector<std::int64_t> bytes;
    for (const Place place : places) bytes.push_back(bytes_behind(layer(index), place));
    const std::vector<double> shares =
        rows_ ? allocate(index, places, bytes) : std::vector<double>(places.size(), sparsity_);
    const Thresholds thresholds = thresholds_for(index, places, shares);
    report(index, thresholds, bytes);
    keep(index, thresholds);
  }

  [[nodiscard]] Thresholds thresholds_for(std::int64_t index, const std::vector<Place>& places,
                                          const std::vector<double>& shares) const {
    Thresholds thresholds;
    for (std::size_t i = 0; i < places.size(); ++i) {
      thresholds[places[i]] = threshold_for(table(index, places[i]), shares[i]);
    }
    return thresholds;
  }

  std::vector<double> allocate(std::int64_t index, const std::vector<Place>& places,
                               const std::vector<std::int64_t>& bytes) {
    Layer changed = layer(index).clone();
    sparsify(changed, index, thresholds_for(index, places, std::vector<double>(places.size(), 0)),
             false);
    return allocate_greedily(bytes, {sparsity_, params_.get_real("step")},
                             [&](const std::vector<double>& shares) {
                               context_.progress(index, model_.layer_count(), "allocation");
                               set_thresholds(changed, thresholds_for(index, places, shares));
                               return rows_->error(changed);
                             });
  }

  /// Of the calibration text in the unchanged model, the share of each input that is not used.
  void report(std::int64_t index, const Thresholds& thresholds,
              const std::vector<std::int64_t>& bytes) {
    std::size_t i = 0;
    for (const auto& [place, threshold] : thresholds) {
      const double share = threshold < 0 ? 0 : share_up_to(table(index, place), threshold);
      context_.metric("planned_input_sparsity/" + table_name(index, place), share);
      bytes_ += static_cast<double>(bytes[i]);
      saved_ += share * static_cast<double>(bytes[i++]);
    }
  }

  void keep(std::int64_t index, const Thresholds& thresholds) {
    std::vector<float> values;
    Json names = Json::array();
    for (const auto& [place, threshold] : thresholds) {
      names.push_back(place_name(place));
      values.push_back(static_cast<float>(threshold));
    }
    const std::string name = fmt::format("layer.{}.thresholds", index);
    artefact_.plan[name] = names;
    artefact_.tensors[name] = at::tensor(values);
  }

  const Model& model_;
  FitContext& context_;
  const Params& params_;
  const Artefact& tables_;
  double sparsity_;
  std::optional<ErrorRows> rows_;  ///< where the allocation is greedy
  Artefact artefact_;
  double bytes_ = 0, saved_ = 0;
};

}  // namespace

Artefact measure_magnitudes(const Model& model, FitContext& context) {
  Artefact artefact;
  WalkOptions options;
  options.calibrate_on = CalibrateOn::kDense;
  for_each_layer(model, context, options, [&](LayerVisit& visit) -> std::optional<Layer> {
    LayerMagnitudes seen(model.spec());
    visit.observe(seen);
    for (const auto& [place, histogram] : seen.places()) {
      artefact.tensors[table_name(visit.index(), place)] = histogram.quantiles();
    }
    return std::nullopt;
  });
  return artefact;
}

Artefact choose_thresholds(const Model& model, FitContext& context, const Params& params) {
  return Choice(model, context, params).run();
}

bool is_cats(const Params& params) { return params.get_text("variant") == "cats"; }
bool takes_attention(const Params& params) { return params.get_text("blocks") != "ffn"; }
bool takes_ffn(const Params& params) { return params.get_text("blocks") != "attention"; }

}  // namespace assay::teal
