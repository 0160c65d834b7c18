#include "harness/model/cost.h"

#include <ATen/ops/count_nonzero.h>

namespace assay {

Cost& Cost::operator+=(const Cost& other) {
  params += other.params;
  nonzero += other.nonzero;
  resident_bytes += other.resident_bytes;
  host_bytes += other.host_bytes;
  touched_bytes += other.touched_bytes;
  flops_per_token += other.flops_per_token;
  return *this;
}

Cost tensor_cost(const at::Tensor& tensor) {
  if (!tensor.defined()) return {};
  const auto bytes = static_cast<std::int64_t>(tensor.nbytes());
  return {.params = tensor.numel(),
          .nonzero = at::count_nonzero(tensor).item<std::int64_t>(),
          .resident_bytes = bytes,
          .touched_bytes = bytes};
}

Cost lookup_cost(const at::Tensor& table) {
  Cost cost = tensor_cost(table);
  if (table.defined()) cost.touched_bytes = table.size(1) * table.element_size();
  return cost;
}

}  // namespace assay
