#include "harness/model/stored_form.h"

#include <ATen/ops/cat.h>

#include <vector>

namespace assay {
namespace {

/// All queries, then all keys, then all values -> each group's queries with its key and value.
at::Tensor grouped(const at::Tensor& rows, const LayerShape& shape) {
  const std::int64_t group = shape.heads / shape.kv_heads;
  const auto part = [&](std::int64_t head, std::int64_t heads, std::int64_t each) {
    return rows.narrow(0, head * shape.head_dim, heads * shape.head_dim)
        .unflatten(0, {shape.kv_heads, each, shape.head_dim});
  };
  const std::int64_t heads = shape.heads, keys = shape.kv_heads;
  return at::cat({part(0, heads, group), part(heads, keys, 1), part(heads + keys, keys, 1)}, 1)
      .flatten(0, 2);
}

}  // namespace

at::Tensor stored_form(const Binding& binding, const ModelSpec& spec,
                       const std::function<at::Tensor(const ParameterId&)>& parameter) {
  std::vector<at::Tensor> parts;
  for (const Slot slot : binding.slots) {
    parts.push_back(parameter({binding.layer, slot, binding.bias, binding.expert}));
  }
  at::Tensor rows = parts.size() == 1 ? parts.front() : at::cat(parts);
  if (binding.layout == TensorLayout::kGrouped) rows = grouped(rows, spec.layer(binding.layer));
  if (binding.layout == TensorLayout::kTransposed && !binding.bias) rows = rows.t();
  return rows.contiguous();
}

}  // namespace assay
