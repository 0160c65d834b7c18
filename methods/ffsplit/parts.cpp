#include "methods/ffsplit/parts.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "harness/base/errors.h"
#include "harness/compress/low_rank.h"
#include "harness/compress/packed_linear.h"
#include "harness/method/ffn_widths.h"
#include "harness/method/masks.h"
#include "harness/method/optimal_brain_surgeon.h"
#include "methods/ffsplit/scores.h"
#include "methods/ffsplit/split_ffn.h"

namespace assay::ffsplit {
namespace {

constexpr const char* kPartNames[] = {"heavy", "rest"};

std::string heavy_name(std::int64_t index) { return fmt::format("layer.{}.heavy", index); }

std::string matrix_name(std::int64_t index, Slot slot, std::size_t part) {
  return slot_path(index, slot) + "." + kPartNames[part];
}

std::vector<Slot> ffn_roles(bool gated) {
  if (gated) return {Slot::kGate, Slot::kUp, Slot::kDown};
  return {Slot::kUp, Slot::kDown};
}

/// Neurons are the rows of gate and up, and the columns of down.
at::Tensor of_neurons(const at::Tensor& weight, Slot slot, const at::Tensor& neurons) {
  return weight.index_select(slot == Slot::kDown ? 1 : 0, neurons).contiguous();
}

/// Second moments of the inputs of one part's matrix.
at::Tensor part_gram(const FfnRecorder& statistics, Slot slot, const at::Tensor& neurons) {
  const at::Tensor gram = statistics.input_of(slot).gram();
  if (slot != Slot::kDown) return gram;
  return gram.index_select(0, neurons).index_select(1, neurons).contiguous();
}

/// Compresses the matrices of one layer into an artefact.
class LayerCompressor {
 public:
  LayerCompressor(const LayerSplit& split, double damping, FitContext& context, Artefact& artefact)
      : split_(split), damping_(damping), context_(context), artefact_(artefact) {}

  void compress(const at::Tensor& weight, Slot slot, const at::Tensor& neurons,
                const PartSettings& part, const std::string& name) {
    switch (part.compressor) {
      case Compressor::kKeep:
        return;
      case Compressor::kSvd:
        return store(name, svd_plain(weight, part.rank));
      case Compressor::kSvdWeighted:
        return store(name, svd_weighted(weight, gram(slot, neurons), part.rank, damping_));
      case Compressor::kRtn:
        return store(name, quantize_rtn(weight, part.quantize));
      case Compressor::kGptq:
        return store(name, quantize_gptq(weight, gram(slot, neurons).mul(2), part.quantize,
                                         damping_, warn_of_retry(context_, name)));
    }
  }

 private:
  [[nodiscard]] at::Tensor gram(Slot slot, const at::Tensor& neurons) const {
    return part_gram(*split_.statistics, slot, neurons);
  }
  void store(const std::string& name, const LowRank& factors) {
    artefact_.tensors[name + ".left"] = factors.left;
    artefact_.tensors[name + ".right"] = factors.right;
  }
  void store(const std::string& name, const Quantized& quantized) {
    store_packed(artefact_.plan, artefact_.tensors, name, pack(quantized));
  }

  const LayerSplit& split_;
  double damping_;
  FitContext& context_;
  Artefact& artefact_;
};

[[noreturn]] void does_not_fit(const std::string& name, const std::string& why) {
  throw UserError("artefact tensor '" + name + "' does not fit this model: " + why + "; fit again");
}

/// Puts one layer together again.
class LayerReader {
 public:
  LayerReader(const Layer& layer, std::int64_t index, const Artefact& artefact)
      : layer_(layer), index_(index), artefact_(artefact) {}

  [[nodiscard]] Matrix matrix(Slot slot, std::size_t part, const at::Tensor& neurons) const {
    const std::string name = matrix_name(index_, slot, part);
    const at::Tensor& whole = layer_.dense(slot).weight();
    const std::int64_t count = neurons.numel();
    const auto [rows, cols] =
        slot == Slot::kDown ? std::pair(whole.size(0), count) : std::pair(count, whole.size(1));
    if (artefact_.tensors.contains(name + ".left")) return factors(name, rows, cols, whole);
    if (artefact_.plan.contains("packed") && artefact_.plan.at("packed").contains(name)) {
      PackedMatrix packed = load_packed(artefact_.plan, artefact_.tensors, name);
      if (packed.rows != rows || packed.cols != cols) does_not_fit(name, "other sizes");
      return on_device(std::move(packed), whole.device());
    }
    return of_neurons(whole, slot, neurons.to(whole.device()));
  }

  [[nodiscard]] at::Tensor bias(Slot slot, const at::Tensor& neurons) const {
    const at::Tensor& whole = layer_.dense(slot).bias();
    return whole.defined() ? whole.index_select(0, neurons.to(whole.device())) : whole;
  }

 private:
  [[nodiscard]] LowRank factors(const std::string& name, std::int64_t rows, std::int64_t cols,
                                const at::Tensor& like) const {
    const at::Tensor& left = artefact_.tensors.at(name + ".left");
    const auto right = artefact_.tensors.find(name + ".right");
    if (right == artefact_.tensors.end()) does_not_fit(name + ".right", "it is missing");
    if (left.dim() != 2 || right->second.dim() != 2 || left.size(0) != rows ||
        right->second.size(1) != cols || left.size(1) != right->second.size(0)) {
      does_not_fit(name + ".left",
                   fmt::format("factors of a {} x {} matrix are needed", rows, cols));
    }
    return {left.to(like.options()).contiguous(), right->second.to(like.options()).contiguous()};
  }

  const Layer& layer_;
  std::int64_t index_;
  const Artefact& artefact_;
};

void require_neurons(const at::Tensor& heavy, std::int64_t neurons, const std::string& name) {
  const bool fits = heavy.dim() == 1 && heavy.scalar_type() == at::kLong &&
                    (heavy.numel() == 0 || (heavy.min().item<std::int64_t>() >= 0 &&
                                            heavy.max().item<std::int64_t>() < neurons));
  if (!fits) does_not_fit(name, fmt::format("neurons below {} are needed", neurons));
}

}  // namespace

FfnShape ffn_shape(const ModelSpec& spec) {
  return {spec.width, ffn_width_of(spec), spec.ffn_gated, spec.ffn_bias, sizeof(float)};
}

void compress_layer(const Layer& layer, const LayerSplit& split, const Settings& settings,
                    const Plan& plan, FitContext& context, Artefact& artefact) {
  const FfnShape shape{layer.dense(Slot::kUp).in_features(), layer.dense(Slot::kUp).out_features()};
  const at::Tensor neurons[] = {split.heavy, all_but(split.heavy, shape.neurons)};
  LayerCompressor compressor(split, settings.damping, context, artefact);
  bool changed = false;
  for (std::size_t part = 0; part < 2; ++part) {
    const PartSettings& how = plan.parts[part];
    const std::int64_t count = neurons[part].numel();
    if (count == 0 || how.compressor == Compressor::kKeep) continue;
    if (is_low_rank(how.compressor) && !factorises(shape, how, count)) continue;
    changed = true;
    for (const Slot slot : ffn_roles(layer.ffn->linear(Slot::kGate) != nullptr)) {
      const at::Tensor weight = weight_for_fit(layer.dense(slot));
      compressor.compress(of_neurons(weight, slot, neurons[part]), slot, neurons[part], how,
                          matrix_name(split.index, slot, part));
    }
  }
  if (changed) artefact.tensors[heavy_name(split.index)] = split.heavy;
}

void split_layer(Layer& layer, std::int64_t index, const ModelSpec& spec,
                 const Artefact& artefact) {
  const auto heavy = artefact.tensors.find(heavy_name(index));
  if (heavy == artefact.tensors.end()) return;
  const std::int64_t width = spec.layer(index).ffn_width;
  require_neurons(heavy->second, width, heavy->first);
  const at::Tensor neurons[] = {heavy->second, all_but(heavy->second, width)};
  const LayerReader reader(layer, index, artefact);
  std::vector<Part> parts;
  for (std::size_t i = 0; i < 2; ++i) {
    if (neurons[i].numel() == 0) continue;
    Part part;
    if (spec.ffn_gated) {
      part.gate = reader.matrix(Slot::kGate, i, neurons[i]);
      part.gate_bias = reader.bias(Slot::kGate, neurons[i]);
    }
    part.up = reader.matrix(Slot::kUp, i, neurons[i]);
    part.up_bias = reader.bias(Slot::kUp, neurons[i]);
    part.down = reader.matrix(Slot::kDown, i, neurons[i]);
    parts.push_back(std::move(part));
  }
  layer.ffn = std::make_unique<SplitFfn>(spec.activation, std::move(parts),
                                         layer.dense(Slot::kDown).bias());
}

}  // namespace assay::ffsplit
