#include "harness/method/masks.h"

#include <ATen/Parallel.h>
#include <ATen/ops/count_nonzero.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "harness/base/errors.h"
#include "harness/method/sparsity.h"

namespace assay {
namespace {

constexpr std::int64_t kBitsPerByte = 8;
constexpr std::int64_t kRowsPerTask = 64;
constexpr LinearRole kRoles[] = {LinearRole::kQ,   LinearRole::kK,    LinearRole::kV,
                                 LinearRole::kO,   LinearRole::kGate, LinearRole::kUp,
                                 LinearRole::kDown};

[[noreturn]] void does_not_fit(const std::string& name, const std::string& why) {
  throw UserError("artefact tensor '" + name + "' does not fit this model: " + why + "; fit again");
}

struct SlotTensor {
  std::int64_t layer = 0;
  LinearRole role = LinearRole::kQ;
  bool is_mask = false;
};

/// Reads "layer.3.q.keep" or "layer.3.q.weight".
std::optional<SlotTensor> parse_slot_tensor(const std::string& name, std::int64_t layers) {
  for (std::int64_t layer = 0; layer < layers; ++layer) {
    if (!name.starts_with(fmt::format("layer.{}.", layer))) continue;
    for (const LinearRole role : kRoles) {
      const std::string slot = slot_name(layer, role);
      if (name == slot + ".keep") return SlotTensor{layer, role, true};
      if (name == slot + ".weight") return SlotTensor{layer, role, false};
    }
  }
  return std::nullopt;
}

}  // namespace

at::Tensor pack_mask(const at::Tensor& mask) {
  TORCH_CHECK(mask.dim() == 2 && mask.scalar_type() == at::kBool, "a mask is a bool matrix");
  const at::Tensor from = mask.cpu().contiguous();
  const std::int64_t columns = from.size(1);
  const std::int64_t width = (columns + kBitsPerByte - 1) / kBitsPerByte;
  at::Tensor bytes = at::zeros({from.size(0), width}, from.options().dtype(at::kByte));
  const bool* bits = from.const_data_ptr<bool>();
  auto* packed = bytes.mutable_data_ptr<std::uint8_t>();
  at::parallel_for(0, from.size(0), kRowsPerTask, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      for (std::int64_t c = 0; c < columns; ++c) {
        packed[r * width + c / kBitsPerByte] |=
            static_cast<std::uint8_t>(bits[r * columns + c] << (c % kBitsPerByte));
      }
    }
  });
  return bytes;
}

at::Tensor unpack_mask(const at::Tensor& bytes, std::int64_t columns) {
  const std::int64_t width = (columns + kBitsPerByte - 1) / kBitsPerByte;
  if (bytes.dim() != 2 || bytes.scalar_type() != at::kByte || bytes.size(1) != width) {
    throw UserError(
        fmt::format("a packed mask of {} columns has {} bytes a row; found something "
                    "else",
                    columns, width));
  }
  const at::Tensor from = bytes.cpu().contiguous();
  at::Tensor mask = at::empty({from.size(0), columns}, from.options().dtype(at::kBool));
  const auto* packed = from.const_data_ptr<std::uint8_t>();
  bool* bits = mask.mutable_data_ptr<bool>();
  at::parallel_for(0, from.size(0), kRowsPerTask, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      for (std::int64_t c = 0; c < columns; ++c) {
        bits[r * columns + c] =
            (packed[r * width + c / kBitsPerByte] >> (c % kBitsPerByte) & 1) != 0;
      }
    }
  });
  return mask;
}

void apply_mask(const at::Tensor& weight, const at::Tensor& keep) {
  weight.masked_fill_(keep.logical_not().to(weight.device()), 0);
}

std::string slot_name(std::int64_t layer, LinearRole role) {
  return fmt::format("layer.{}.{}", layer, role_name(role));
}

at::Tensor weight_for_fit(const DenseLinear& linear) {
  return linear.weight().to(at::kCPU, at::kFloat).contiguous();
}

void SparsityRecord::add(const std::string& slot, const at::Tensor& weight) {
  const std::int64_t zeros = weight.numel() - at::count_nonzero(weight).item<std::int64_t>();
  context_.metric("achieved_sparsity/" + slot,
                  static_cast<double>(zeros) / static_cast<double>(weight.numel()));
  zeros_ += zeros;
  weights_ += weight.numel();
}

void SparsityRecord::finish() {
  if (weights_ == 0) return;
  context_.metric("achieved_sparsity", static_cast<double>(zeros_) / static_cast<double>(weights_));
}

void PrunedWeights::prune(std::int64_t index, LinearRole role, const DenseLinear& linear,
                          const at::Tensor& keep) {
  apply_mask(linear.weight(), keep);
  record_.add(slot_name(index, role), linear.weight());
  artefact_.tensors[slot_name(index, role) + ".keep"] = pack_mask(keep);
}

void PrunedWeights::replace(std::int64_t index, LinearRole role, const DenseLinear& linear,
                            const at::Tensor& weight) {
  linear.weight().copy_(weight);
  record_.add(slot_name(index, role), weight);
  artefact_.tensors[slot_name(index, role) + ".weight"] = weight;
}

void PrunedWeights::leave(std::int64_t index, LinearRole role, const DenseLinear& linear) {
  record_.add(slot_name(index, role), linear.weight());
}

Artefact PrunedWeights::finish() {
  record_.finish();
  return std::move(artefact_);
}

void apply_pruned_weights(Model& model, const Artefact& artefact) {
  const c10::InferenceMode inference;
  for (const auto& [name, tensor] : artefact.tensors) {
    const auto slot = parse_slot_tensor(name, model.layer_count());
    if (!slot) does_not_fit(name, "no such matrix");
    const Layer& layer = model.layers()[static_cast<std::size_t>(slot->layer)];
    const std::vector<LinearRole> roles = layer.roles();
    if (std::find(roles.begin(), roles.end(), slot->role) == roles.end()) {
      does_not_fit(name, "the layer has no such matrix");
    }
    const at::Tensor& weight = layer.dense(slot->role).weight();
    const at::Tensor value = slot->is_mask ? unpack_mask(tensor, weight.size(1)) : tensor;
    if (value.sizes() != weight.sizes()) {
      does_not_fit(name, fmt::format("{} x {} in the model, {} rows in the artefact",
                                     weight.size(0), weight.size(1), value.size(0)));
    }
    slot->is_mask ? apply_mask(weight, value) : static_cast<void>(weight.copy_(value));
  }
}

std::vector<std::string> PruningMethod::unmet(const ModelSpec& spec, const Params& params) const {
  return unmet_sparsity(spec, params);
}

void PruningMethod::apply(Model& model, const Artefact& artefact) const {
  apply_pruned_weights(model, artefact);
}

}  // namespace assay
