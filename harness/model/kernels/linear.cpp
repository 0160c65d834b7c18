#include "harness/model/kernels/linear.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/linear.h>
#include <cpuid.h>

#include <array>
#include <cstring>
#include <optional>

#include "harness/model/kernels/few_rows_torch.h"
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

/// a b^T + bias, by oneDNN.
at::Tensor onednn_product(const at::Tensor& a, const at::Tensor& b, const at::Tensor& bias) {
  return onednn_linear()->call(a, b, bias.defined() ? std::optional(bias) : std::nullopt, "none",
                               c10::List<std::optional<at::Scalar>>(), "");
}

/// On Intel's processors ATen's own product (MKL) is the faster one where rows are many.
bool onednn_is_faster() {
  static const bool kFaster = !intel_processor();
  return kFaster;
}

}  // namespace

at::Tensor dense_product(const at::Tensor& rows, const at::Tensor& weight, const at::Tensor& bias) {
  if (gemv_applies(rows, weight) && !needs_gradient(bias)) return gemv_linear(rows, weight, bias);
  if (few_rows_apply(rows, weight) && !needs_gradient(bias)) {
    return few_rows_linear(rows, weight, bias);
  }
  if (!onednn_applies(rows, weight, bias)) return at::linear(rows, weight, bias);
  return onednn_is_faster() ? onednn_product(rows, weight, bias) : at::linear(rows, weight, bias);
}

}  // namespace assay
