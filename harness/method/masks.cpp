#include "harness/method/masks.h"

#include <ATen/Parallel.h>
#include <ATen/ops/count_nonzero.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>

#include "harness/base/errors.h"
#include "harness/method/sparsity.h"

namespace assay {
namespace {

constexpr std::int64_t kBitsPerByte = 8;
constexpr std::int64_t kRowsPerTask = 64;
[[noreturn]] void does_not_fit(const std::string& name, const std::string& why) {
  throw UserError("artefact tensor '" + name + "' does not fit this model: " + why + "; fit again");
}

constexpr std::string_view kKeep = ".keep";

/// The parameter that a tensor of an artefact changes: a mask is named after its slot.
std::string changed_parameter(const std::string& name) {
  if (!name.ends_with(kKeep)) return name;
  return name.substr(0, name.size() - kKeep.size()) + ".weight";
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

void PrunedWeights::prune(std::int64_t index, const SlotPlace& place, const at::Tensor& weight,
                          const at::Tensor& keep) {
  apply_mask(weight, keep);
  record_.add(slot_path(index, place), weight);
  artefact_.tensors[slot_path(index, place) + std::string(kKeep)] = pack_mask(keep);
}

void PrunedWeights::replace(std::int64_t index, const SlotPlace& place, const at::Tensor& weight,
                            const at::Tensor& value) {
  weight.copy_(value);
  record_.add(slot_path(index, place), value);
  artefact_.tensors[parameter_name({index, place.slot, false, place.expert})] = value;
}

void PrunedWeights::leave(std::int64_t index, const SlotPlace& place, const at::Tensor& weight) {
  record_.add(slot_path(index, place), weight);
}

Artefact PrunedWeights::finish() {
  record_.finish();
  return std::move(artefact_);
}

void apply_pruned_weights(Model& model, const Artefact& artefact) {
  // By name: what another method's block has is in the table too.
  std::map<std::string, at::Tensor> table;
  for (const Parameter& parameter : model.parameters()) table[parameter.name] = parameter.tensor;
  for (const auto& [name, tensor] : artefact.tensors) {
    const auto found = table.find(changed_parameter(name));
    if (found == table.end()) does_not_fit(name, "no such parameter");
    at::Tensor& parameter = found->second;
    const bool mask = name.ends_with(kKeep);
    const at::Tensor value = mask ? unpack_mask(tensor, parameter.size(1)) : tensor;
    if (value.sizes() != parameter.sizes()) {
      does_not_fit(name,
                   fmt::format("[{}] in the model, [{}] in the artefact",
                               fmt::join(parameter.sizes(), ", "), fmt::join(value.sizes(), ", ")));
    }
    mask ? apply_mask(parameter, value) : static_cast<void>(parameter.copy_(value));
  }
}

std::vector<std::string> PruningMethod::unmet(const ModelSpec& spec, const Params& params) const {
  return unmet_sparsity(spec, params);
}

void PruningMethod::apply(Model& model, const Artefact& artefact) const {
  apply_pruned_weights(model, artefact);
}

}  // namespace assay
