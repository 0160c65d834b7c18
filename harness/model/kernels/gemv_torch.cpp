#include "harness/model/kernels/gemv_torch.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <vector>

#include "harness/model/kernels/gemv_cpu.h"
#include "harness/model/kernels/gradients.h"
#include "harness/model/kernels/pieces.h"

namespace assay {
namespace {

/// Activations up to this many elements are widened on the stack.
constexpr std::int64_t kStackElements = 4096;

/// Rows do not depend on each other, so their order does not matter.
template <typename Element, typename Kernel>
void run(const GemvArgs<Element>& args, std::int64_t out, Kernel kernel) {
  const std::int64_t row_bytes = args.cols * static_cast<std::int64_t>(sizeof(Element));
  const std::int64_t piece =
      std::max<std::int64_t>(8, kPieceBytes / std::max<std::int64_t>(1, row_bytes));
  for_each_piece(out, piece,
                 [&](std::int64_t begin, std::int64_t end) { kernel(args, begin, end); });
}

/// The fields that do not depend on the element type.
template <typename Element>
GemvArgs<Element> describe(const at::Tensor& rows, const at::Tensor& weight) {
  GemvArgs<Element> args;
  args.cols = weight.size(1);
  args.stride = weight.stride(0);
  args.batch = rows.size(0);
  args.y_stride = weight.size(0);
  return args;
}

const std::uint16_t* bits(const at::Tensor& tensor) {
  return reinterpret_cast<const std::uint16_t*>(tensor.const_data_ptr<at::BFloat16>());
}

void run_f32(const at::Tensor& rows, const at::Tensor& weight, const at::Tensor& bias,
             at::Tensor& y) {
  auto args = describe<float>(rows, weight);
  args.weight = weight.const_data_ptr<float>();
  args.x = rows.const_data_ptr<float>();
  args.bias = bias.defined() ? bias.const_data_ptr<float>() : nullptr;
  args.y = y.mutable_data_ptr<float>();
  run(args, weight.size(0), gemv_f32);
}

void run_bf16(const at::Tensor& rows, const at::Tensor& weight, const at::Tensor& bias,
              at::Tensor& y) {
  std::array<float, kStackElements> small;
  std::vector<float> large;
  float* x = small.data();
  if (rows.numel() > kStackElements) {
    large.resize(static_cast<std::size_t>(rows.numel()));
    x = large.data();
  }
  for (std::int64_t b = 0; b < rows.size(0); ++b) {
    gemv_arrange_bf16(bits(rows) + b * rows.size(1), rows.size(1), x + b * rows.size(1));
  }
  auto args = describe<std::uint16_t>(rows, weight);
  args.weight = bits(weight);
  args.x = x;
  args.bias = bias.defined() ? bits(bias) : nullptr;
  args.y = reinterpret_cast<std::uint16_t*>(y.mutable_data_ptr<at::BFloat16>());
  run(args, weight.size(0), gemv_bf16);
}

}  // namespace

bool gemv_applies(const at::Tensor& rows, const at::Tensor& weight) {
  const at::ScalarType dtype = weight.scalar_type();
  return (dtype == at::kFloat || dtype == at::kBFloat16) && rows.scalar_type() == dtype &&
         rows.dim() == 2 && weight.dim() == 2 && rows.size(0) >= 1 &&
         rows.size(0) <= kGemvMaxBatch && rows.size(1) == weight.size(1) && weight.stride(1) == 1 &&
         rows.is_contiguous() && weight.device().is_cpu() && rows.device().is_cpu() &&
         !needs_gradient(rows, weight);
}

at::Tensor gemv_linear(const at::Tensor& rows, const at::Tensor& weight, const at::Tensor& bias) {
  if (!gemv_applies(rows, weight)) {
    throw std::logic_error("gemv_linear() called where gemv_applies() is false");
  }
  if (bias.defined() && (bias.numel() != weight.size(0) ||
                         bias.scalar_type() != weight.scalar_type() || !bias.is_contiguous())) {
    throw std::logic_error("gemv_linear(): the bias does not fit the weight");
  }
  at::Tensor y = at::empty({rows.size(0), weight.size(0)}, rows.options());
  if (weight.scalar_type() == at::kFloat) {
    run_f32(rows, weight, bias, y);
  } else {
    run_bf16(rows, weight, bias, y);
  }
  return y;
}

}  // namespace assay
