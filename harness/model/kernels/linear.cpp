#include "harness/model/kernels/linear.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/linear.h>
#include <cpuid.h>

#include <array>
#include <cstring>
#include <optional>

#include "harness/model/kernels/gemv_torch.h"
#include "harness/model/kernels/gradients.h"

namespace assay {
namespace {

bool intel_processor() {
  unsigned int highest = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid(0, &highest, &b, &c, &d) == 0) return false;
  std::array<char, 13> vendor{};
  std::memcpy(vendor.data(), &b, 4);
  std::memcpy(vendor.data() + 4, &d, 4);
  std::memcpy(vendor.data() + 8, &c, 4);
  return std::strcmp(vendor.data(), "GenuineIntel") == 0;
}

/// ATen has no public function for oneDNN's product of ordinary tensors, only this operator.
using OnednnLinear = at::Tensor(const at::Tensor& rows, const at::Tensor& weight,
                                const std::optional<at::Tensor>& bias, c10::string_view attribute,
                                c10::List<std::optional<at::Scalar>> scalars,
                                std::optional<c10::string_view> algorithm);

const std::optional<c10::TypedOperatorHandle<OnednnLinear>>& onednn_linear() {
  static const auto handle = []() -> std::optional<c10::TypedOperatorHandle<OnednnLinear>> {
    if (intel_processor()) return std::nullopt;
    const auto schema = c10::Dispatcher::singleton().findSchema({"mkldnn::_linear_pointwise", ""});
    if (!schema) return std::nullopt;
    return schema->typed<OnednnLinear>();
  }();
  return handle;
}

bool onednn_applies(const at::Tensor& rows, const at::Tensor& weight, const at::Tensor& bias) {
  return weight.scalar_type() == at::kFloat && rows.scalar_type() == at::kFloat &&
         weight.device().is_cpu() && rows.device().is_cpu() && rows.dim() == 2 &&
         rows.size(0) > 0 && weight.is_contiguous() && rows.is_contiguous() &&
         !needs_gradient(rows, weight, bias) && onednn_linear().has_value();
}

}  // namespace

at::Tensor dense_product(const at::Tensor& rows, const at::Tensor& weight, const at::Tensor& bias) {
  if (gemv_applies(rows, weight) && !needs_gradient(bias)) return gemv_linear(rows, weight, bias);
  if (onednn_applies(rows, weight, bias)) {
    const std::optional<at::Tensor> b = bias.defined() ? std::optional(bias) : std::nullopt;
    return onednn_linear()->call(rows, weight, b, "none", c10::List<std::optional<at::Scalar>>(),
                                 "");
  }
  return at::linear(rows, weight, bias);
}

}  // namespace assay
