// Weight-only quantisation of linear layers, executed packed. The mathematics is in
// harness/compress/quantize.h.
#include "harness/compress/quantize.h"

#include <ATen/TensorOperators.h>
#include <fmt/format.h>

#include "harness/base/errors.h"
#include "harness/base/param_makers.h"
#include "harness/compress/packed_linear.h"
#include "harness/method/chosen_blocks.h"
#include "harness/method/layerwise.h"
#include "harness/method/masks.h"

namespace assay {
namespace {

QuantizeOptions quantize_options(const Params& params) {
  return {params.get_int("bits"), params.get_int("group")};
}

/// Packs matrices into an artefact and counts what they take.
class PackedWeights {
 public:
  explicit PackedWeights(FitContext& context) : context_(context) {}

  /// Keeps the codes and puts the weights that they stand for into the layer.
  void replace(const std::string& slot, const DenseLinear& linear, const Quantized& quantized) {
    const at::Tensor weight = weight_for_fit(linear);
    const at::Tensor value = dequantise(quantized);
    const PackedMatrix packed = pack(quantized);
    store_packed(artefact_.plan, artefact_.tensors, slot, packed);
    const double norm = weight.norm().item<double>();
    if (norm > 0) {
      context_.metric("weight_error/" + slot, (value - weight).norm().item<double>() / norm);
    }
    linear.weight().copy_(value);
    weights_ += weight.numel();
    bytes_ += packed.bytes();
  }

  Artefact finish() {
    context_.metric("quantised_weights", static_cast<double>(weights_));
    context_.metric("quantised_bytes", static_cast<double>(bytes_));
    context_.metric("average_bits",
                    8.0 * static_cast<double>(bytes_) / static_cast<double>(weights_));
    return std::move(artefact_);
  }

 private:
  FitContext& context_;
  Artefact artefact_;
  std::int64_t weights_ = 0;
  std::int64_t bytes_ = 0;
};

void quantize_layers_by_rounding(const Model& model, FitContext& context, const Params& params,
                                 PackedWeights& packed) {
  const Model copy = model.clone();
  for (std::int64_t index = 0; index < copy.layer_count(); ++index) {
    context.progress(index, copy.layer_count(), fmt::format("layer {}", index + 1));
    const Layer& layer = copy.layers()[static_cast<std::size_t>(index)];
    for (const SlotPlace& place : layer.places()) {
      if (!in_blocks(params, place)) continue;
      const DenseLinear& linear = layer.dense(place);
      packed.replace(slot_path(index, place), linear,
                     quantize_rtn(weight_for_fit(linear), quantize_options(params)));
    }
  }
}

void quantize_layers_by_gptq(const Model& model, FitContext& context, const Params& params,
                             PackedWeights& packed) {
  LayerwiseOptions options;
  options.calibrate_on = calibrate_on_value(params);
  options.with_gram = true;
  const double damping = params.get_real("damping");
  prune_layer_by_layer(
      model, context, options,
      [&](std::int64_t index, const Layer& layer, const LayerStatistics& inputs) {
        for (const SlotPlace& place : layer.places()) {
          if (!in_blocks(params, place)) continue;
          const DenseLinear& linear = layer.dense(place);
          const std::string path = slot_path(index, place);
          packed.replace(
              path, linear,
              quantize_gptq(weight_for_fit(linear), inputs.input_of(place).gram().mul(2),
                            quantize_options(params), damping, warn_of_retry(context, path)));
        }
      });
}

void require_shape(const PackedMatrix& packed, const DenseLinear& linear, const std::string& slot) {
  if (packed.rows == linear.out_features() && packed.cols == linear.in_features()) return;
  throw UserError(
      fmt::format("artefact matrix '{}' is {} x {}, and the model's is {} x {}; fit again", slot,
                  packed.rows, packed.cols, linear.out_features(), linear.in_features()));
}

/// A bias may be a part of a fused one, which a copy lets go.
at::Tensor own(const at::Tensor& bias) { return bias.defined() ? bias.clone() : bias; }

class Quantize final : public Method {
 public:
  [[nodiscard]] MethodInfo info() const override {
    MethodInfo info;
    info.name = "quantize";
    info.summary = "Weights of 2, 3, 4 or 8 bits in groups, multiplied as they are stored";
    info.citation =
        "Frantar et al., GPTQ: Accurate Post-Training Quantization for Generative Pre-trained "
        "Transformers, ICLR 2023, arXiv 2210.17323";
    info.params = {
        choice_param(
            "algorithm", {"gptq", "rtn"},
            "Move rounding errors into later columns ('gptq'), or round to nearest ('rtn')"),
        count_param("bits", 4, 2, "bits", "Bits a weight: 2, 3, 4 or 8"),
        count_param("group", 128, 2, "columns",
                    "Columns of a row that share a scale, a multiple of 32"),
        formerly(
            blocks_param("Matrices that are quantised: all of a layer's, or those of one of its "
                         "two blocks"),
            {"layers"}),
        damping_param(),
        calibrate_on_param()};
    info.takes_experts = true;
    info.needs.calibration = true;
    info.needs.calibration_unless = {{{{"algorithm", "rtn"}}}};
    return info;
  }

  [[nodiscard]] std::vector<std::string> unmet(const ModelSpec&,
                                               const Params& params) const override {
    return quantize_problems(quantize_options(params), "bits", "group");
  }

  [[nodiscard]] Artefact fit(const Model& model, FitContext& context,
                             const Params& params) const override {
    PackedWeights packed(context);
    const bool rounding = params.get_text("algorithm") == "rtn";
    rounding ? quantize_layers_by_rounding(model, context, params, packed)
             : quantize_layers_by_gptq(model, context, params, packed);
    return packed.finish();
  }

  void apply(Model& model, const Artefact& artefact) const override {
    const Json packed = artefact.plan.value("packed", Json::object());
    for (std::int64_t index = 0; index < model.layer_count(); ++index) {
      Layer& layer = model.layers()[static_cast<std::size_t>(index)];
      for (const SlotPlace& place : layer.places()) {
        const std::string path = slot_path(index, place);
        if (!packed.contains(path)) continue;
        PackedMatrix matrix = load_packed(artefact.plan, artefact.tensors, path);
        const DenseLinear& dense = layer.dense(place);
        require_shape(matrix, dense, path);
        layer.replace_linear(
            place, std::make_unique<PackedLinear>(on_device(std::move(matrix), model.device()),
                                                  own(dense.bias())));
      }
    }
  }
};

}  // namespace

void register_quantize(MethodRegistry& registry) { registry.add(std::make_unique<Quantize>()); }

}  // namespace assay
