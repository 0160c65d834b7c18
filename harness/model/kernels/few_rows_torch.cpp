#include "harness/model/kernels/few_rows_torch.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <stdexcept>

#include "harness/model/kernels/few_rows_cpu.h"
#include "harness/model/kernels/gradients.h"
#include "harness/model/kernels/pieces.h"

namespace assay {
namespace {

/// Beyond, copying the weight into blocks as libraries do is lost in the product.
constexpr std::int64_t kMostFewRows = 64;
constexpr std::int64_t kPieceOutputs = 32;
constexpr std::int64_t kPackElements = 8 * 1024;

bool plain(const at::Tensor& tensor) {
  return tensor.device().is_cpu() && tensor.scalar_type() == at::kFloat && tensor.dim() == 2 &&
         tensor.is_contiguous();
}

at::Tensor packed(const at::Tensor& rows) {
  const std::int64_t count = rows.size(0), cols = rows.size(1), width = few_rows_panel();
  at::Tensor panels = at::empty({(count + width - 1) / width * width * cols}, rows.options());
  const PackPanelsArgs args{rows.const_data_ptr<float>(), count, cols,
                            panels.mutable_data_ptr<float>()};
  const std::int64_t piece = std::max<std::int64_t>(16, kPackElements / count);
  for_each_piece(cols, piece,
                 [&](std::int64_t begin, std::int64_t end) { pack_panels(args, begin, end); });
  return panels;
}

}  // namespace

bool few_rows_apply(const at::Tensor& rows, const at::Tensor& weight) {
  return plain(rows) && plain(weight) && rows.size(0) > 0 && rows.size(0) <= kMostFewRows &&
         !needs_gradient(rows, weight);
}

at::Tensor few_rows_linear(const at::Tensor& rows, const at::Tensor& weight,
                           const at::Tensor& bias) {
  if (!few_rows_apply(rows, weight) || rows.size(1) != weight.size(1) ||
      (bias.defined() && bias.numel() != weight.size(0))) {
    throw std::logic_error("few_rows_linear(): rows, weight and bias do not fit");
  }
  const at::Tensor panels = packed(rows);
  const at::Tensor shift = bias.defined() ? bias.contiguous() : bias;
  at::Tensor out = at::empty({rows.size(0), weight.size(0)}, rows.options());
  const FewRowsArgs args{
      .panels = panels.const_data_ptr<float>(),
      .weight = weight.const_data_ptr<float>(),
      .bias = shift.defined() ? shift.const_data_ptr<float>() : nullptr,
      .out = out.mutable_data_ptr<float>(),
      .count = rows.size(0),
      .cols = rows.size(1),
      .width = weight.size(0),
  };
  for_each_piece(args.width, kPieceOutputs,
                 [&](std::int64_t begin, std::int64_t end) { few_rows_product(args, begin, end); });
  return out;
}

}  // namespace assay
