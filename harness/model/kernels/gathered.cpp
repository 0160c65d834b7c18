#include "harness/model/kernels/gathered.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "harness/model/kernels/device_kernels.h"
#include "harness/model/kernels/gathered_cpu.h"
#include "harness/model/kernels/gemv_cpu.h"
#include "harness/model/kernels/gradients.h"
#include "harness/model/kernels/pieces.h"

namespace assay {
namespace {

/// Neurons of a piece of a selection.
constexpr std::int64_t kSelectPiece = 64 * 1024;
/// Columns of a piece of a sum of rows: enough that the processor prefetches along each row, fewer
/// where some threads would have nothing to do. Multiples of all vectors, so that a column is
/// summed by the same instructions in any piece.
constexpr std::int64_t kAddColumns = 1024, kLeastAddColumns = 256, kColumnUnit = 64;

void require_selection(bool condition, const char* what) {
  if (!condition) throw std::logic_error(std::string("gathered product: ") + what);
}

bool is_vector(const at::Tensor& tensor, at::ScalarType dtype, std::int64_t size) {
  return tensor.defined() && tensor.dim() == 1 && tensor.size(0) == size &&
         tensor.scalar_type() == dtype && tensor.is_contiguous();
}

bool is_matrix(const at::Tensor& weight) {
  return weight.dim() == 2 && weight.stride(1) == 1 &&
         (weight.scalar_type() == at::kFloat || weight.scalar_type() == at::kBFloat16);
}

void check_selection(const Selection& selection, const at::Tensor& weight) {
  require_selection(is_vector(selection.indices, at::kInt, weight.size(0)) &&
                        is_vector(selection.count, at::kInt, 1),
                    "the selection does not fit the weight");
  require_selection(
      selection.indices.device() == weight.device() && selection.count.device() == weight.device(),
      "the selection lies on another device than the weight");
}

/// Of a selection on the CPU.
std::int64_t count_of(const Selection& selection, const at::Tensor& weight) {
  const std::int64_t count = *selection.count.const_data_ptr<std::int32_t>();
  require_selection(0 <= count && count <= weight.size(0),
                    "it selects more neurons than there are");
  return count;
}

template <typename Element>
const Element* data(const at::Tensor& tensor) {
  return tensor.defined() ? static_cast<const Element*>(tensor.const_data_ptr()) : nullptr;
}

template <typename Element>
GatherArgs<Element> describe(const at::Tensor& weight, const Selection& selection,
                             std::int64_t count) {
  GatherArgs<Element> args;
  args.weight = data<Element>(weight);
  args.stride = weight.stride(0);
  args.width = weight.size(1);
  args.indices = selection.indices.const_data_ptr<std::int32_t>();
  args.count = count;
  return args;
}

template <typename Element>
void run_dot(const GatherArgs<Element>& args, const float* x, const at::Tensor& bias,
             at::Tensor& result) {
  const auto row_bytes = args.width * static_cast<std::int64_t>(sizeof(Element));
  const std::int64_t piece = std::max<std::int64_t>(1, kPieceBytes / row_bytes);
  float* out = result.mutable_data_ptr<float>();
  for_each_piece(args.count, piece, [&](std::int64_t begin, std::int64_t end) {
    gather_dot(args, x, data<Element>(bias), begin, end, out);
  });
}

std::int64_t columns_of_a_piece(std::int64_t width) {
  const std::int64_t share = width / at::get_num_threads();
  const std::int64_t whole = (share + kColumnUnit - 1) / kColumnUnit * kColumnUnit;
  return std::clamp(whole, kLeastAddColumns, kAddColumns);
}

template <typename Element>
void run_add(const GatherArgs<Element>& args, const at::Tensor& coefficients, at::Tensor& y) {
  const auto* factors = coefficients.const_data_ptr<float>();
  float* to = y.mutable_data_ptr<float>();
  const auto bytes = args.count * args.width * static_cast<std::int64_t>(sizeof(Element));
  const std::int64_t piece = bytes <= kPieceBytes ? args.width : columns_of_a_piece(args.width);
  for_each_piece(args.width, piece, [&](std::int64_t begin, std::int64_t end) {
    gather_add(args, factors, begin, end, to);
  });
}

}  // namespace

Selection select_outside(const at::Tensor& z, const at::Tensor& low, const at::Tensor& high) {
  const std::int64_t neurons = z.numel();
  require_selection(is_vector(z, at::kFloat, neurons) && is_vector(low, at::kFloat, neurons) &&
                        is_vector(high, at::kFloat, neurons) &&
                        neurons <= std::numeric_limits<std::int32_t>::max(),
                    "values and ranges must be f32 [neurons]");
  if (!z.device().is_cpu()) {
    return has_device_kernels(z.device()) ? device_select_outside(z, low, high)
                                          : plain_select_outside(z, low, high);
  }
  const at::TensorOptions options = z.options().dtype(at::kInt);
  Selection selection{at::empty({neurons}, options), at::empty({1}, options)};
  auto* indices = selection.indices.mutable_data_ptr<std::int32_t>();
  std::vector<std::int64_t> found(static_cast<std::size_t>(neurons / kSelectPiece + 1));
  for_each_piece(neurons, kSelectPiece, [&](std::int64_t begin, std::int64_t end) {
    found[static_cast<std::size_t>(begin / kSelectPiece)] =
        compact_outside(z.const_data_ptr<float>(), low.const_data_ptr<float>(),
                        high.const_data_ptr<float>(), begin, end, indices + begin);
  });
  std::int64_t total = found[0];
  for (std::size_t i = 1; i < found.size(); ++i) {
    const auto* from = indices + static_cast<std::int64_t>(i) * kSelectPiece;
    std::copy(from, from + found[i], indices + total);
    total += found[i];
  }
  *selection.count.mutable_data_ptr<std::int32_t>() = static_cast<std::int32_t>(total);
  return selection;
}

at::Tensor gathered_product(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                            const Selection& selection) {
  require_selection(is_matrix(weight) && is_vector(x, weight.scalar_type(), weight.size(1)),
                    "x and weight must be fp32 or bf16, [width] and [neurons, width]");
  require_selection(!bias.defined() || is_vector(bias, weight.scalar_type(), weight.size(0)),
                    "the bias does not fit the weight");
  require_selection(!needs_gradient(x, weight, bias), "it has no derivative; use the masked form");
  check_selection(selection, weight);
  if (!weight.device().is_cpu()) {
    return has_device_kernels(weight.device()) ? device_gathered_product(x, weight, bias, selection)
                                               : plain_gathered_product(x, weight, bias, selection);
  }
  const std::int64_t count = count_of(selection, weight);
  at::Tensor result = at::empty({weight.size(0)}, x.options().dtype(at::kFloat));
  if (count == 0) return result;
  if (weight.scalar_type() == at::kFloat) {
    run_dot(describe<float>(weight, selection, count), x.const_data_ptr<float>(), bias, result);
    return result;
  }
  std::vector<float> wide(static_cast<std::size_t>(x.numel()));
  gemv_arrange_bf16(data<std::uint16_t>(x), x.numel(), wide.data());
  run_dot(describe<std::uint16_t>(weight, selection, count), wide.data(), bias, result);
  return result;
}

void gathered_accumulate(const at::Tensor& coefficients, const at::Tensor& weight,
                         const Selection& selection, at::Tensor& y) {
  require_selection(is_matrix(weight) && is_vector(coefficients, at::kFloat, weight.size(0)) &&
                        is_vector(y, at::kFloat, weight.size(1)),
                    "coefficients and sums must be f32, [neurons] and [width]");
  require_selection(!needs_gradient(coefficients, weight, y),
                    "it has no derivative; use the masked form");
  check_selection(selection, weight);
  if (!weight.device().is_cpu()) {
    return has_device_kernels(weight.device())
               ? device_gathered_accumulate(coefficients, weight, selection, y)
               : plain_gathered_accumulate(coefficients, weight, selection, y);
  }
  const std::int64_t count = count_of(selection, weight);
  if (count == 0) return;
  if (weight.scalar_type() == at::kFloat) {
    run_add(describe<float>(weight, selection, count), coefficients, y);
  } else {
    run_add(describe<std::uint16_t>(weight, selection, count), coefficients, y);
  }
}

}  // namespace assay
