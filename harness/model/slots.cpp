#include "harness/model/slots.h"

#include <ATen/ops/count_nonzero.h>

#include <stdexcept>

#include "harness/model/kernels/large_pages.h"
#include "harness/model/kernels/linear.h"
#include "harness/model/tensor_cost.h"

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

std::unique_ptr<Linear> Linear::clone() const {
  throw std::logic_error("this linear block cannot be copied: it does not implement clone()");
}

DenseLinear::DenseLinear(at::Tensor weight, at::Tensor bias)
    : weight_(std::move(weight)), bias_(std::move(bias)) {}

at::Tensor DenseLinear::forward(const at::Tensor& rows) const {
  return dense_product(rows, weight_, bias_);
}

Cost DenseLinear::cost() const {
  Cost cost = tensor_cost(weight_);
  cost += tensor_cost(bias_);
  cost.flops_per_token = 2 * weight_.numel() + (bias_.defined() ? bias_.numel() : 0);
  return cost;
}

std::unique_ptr<Linear> DenseLinear::clone() const {
  return std::make_unique<DenseLinear>(copy_on_large_pages(weight_),
                                       bias_.defined() ? bias_.clone() : at::Tensor());
}

const char* role_name(LinearRole role) {
  switch (role) {
    case LinearRole::kQ:
      return "q";
    case LinearRole::kK:
      return "k";
    case LinearRole::kV:
      return "v";
    case LinearRole::kO:
      return "o";
    case LinearRole::kGate:
      return "gate";
    case LinearRole::kUp:
      return "up";
    case LinearRole::kDown:
      return "down";
  }
  return "";
}

Tap input_tap(LinearRole role) {
  switch (role) {
    case LinearRole::kO:
      return Tap::kOutInput;
    case LinearRole::kGate:
    case LinearRole::kUp:
      return Tap::kFfnInput;
    case LinearRole::kDown:
      return Tap::kDownInput;
    case LinearRole::kQ:
    case LinearRole::kK:
    case LinearRole::kV:
      break;
  }
  return Tap::kQkvInput;
}

}  // namespace assay
