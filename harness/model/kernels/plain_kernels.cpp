// Packed and gathered operations out of ATen's, for devices without kernels of our own.
#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/argsort.h>
#include <ATen/ops/bitwise_and.h>
#include <ATen/ops/bitwise_left_shift.h>
#include <ATen/ops/bitwise_right_shift.h>
#include <ATen/ops/mv.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>

#include "harness/model/kernels/device_kernels.h"
#include "harness/model/kernels/packed_layout.h"

namespace assay {
namespace {

/// Shifts 0, step, 2 step ... as int32 of shape [count, 1], against words in the last dimension.
at::Tensor shifts(std::int64_t count, std::int64_t step, const at::Tensor& like) {
  return (at::arange(count, like.options().dtype(at::kInt)) * step).unsqueeze(1);
}

/// int32 [rows, units * 32] out of the bytes of whole rows, see packed_layout.h.
at::Tensor unpack(const at::Tensor& bytes, std::int64_t cols, std::int64_t bits) {
  const std::int64_t rows = bytes.size(0), units = packed_units(cols);
  const std::int64_t words = packed_words(bits), fields = packed_fields(bits);
  const std::int64_t word_bytes = packed_word_bytes(cols, bits);
  const at::Tensor pairs =
      bytes.narrow(1, 0, word_bytes).to(at::kInt).view({rows, units, 1, words, 2});
  const at::Tensor whole = pairs.select(4, 0) + pairs.select(4, 1) * 256;
  const at::Tensor shift = shifts(fields, packed_field(bits), bytes);
  at::Tensor codes = at::bitwise_and(at::bitwise_right_shift(whole, shift),
                                     (std::int64_t{1} << packed_field(bits)) - 1);
  if (bits == 3) {
    const at::Tensor upper =
        bytes.narrow(1, word_bytes, units * words).to(at::kInt).view({rows, units, 1, words});
    codes =
        codes + at::bitwise_and(at::bitwise_right_shift(upper, shifts(fields, 1, bytes)), 1) * 4;
  }
  return codes.reshape({rows, units * kPackedUnit});
}

/// [rows, groups] -> [rows, cols], each value for the columns of its group.
at::Tensor spread(const at::Tensor& grid, std::int64_t group, std::int64_t cols) {
  return grid.to(at::kFloat).repeat_interleave(group, 1).narrow(1, 0, cols);
}

/// bool [neurons]: which places of `indices` count.
at::Tensor counted(const Selection& selection) {
  return at::arange(selection.indices.size(0), selection.indices.options()) < selection.count;
}

}  // namespace

at::Tensor plain_dequantise(const PackedMatrix& matrix, at::ScalarType dtype, std::int64_t begin,
                            std::int64_t end) {
  const auto rows = [&](const at::Tensor& tensor) { return tensor.narrow(0, begin, end - begin); };
  const at::Tensor codes =
      unpack(rows(matrix.codes), matrix.cols, matrix.bits).narrow(1, 0, matrix.cols).to(at::kFloat);
  const at::Tensor zeros = spread(rows(matrix.zeros), matrix.group, matrix.cols);
  return ((codes - zeros) * spread(rows(matrix.scales), matrix.group, matrix.cols)).to(dtype);
}

Selection plain_select_outside(const at::Tensor& z, const at::Tensor& low, const at::Tensor& high) {
  const at::Tensor inside = (z >= low).logical_and(z <= high);
  // Stable, so that what is outside comes first in its own order.
  const at::Tensor order = at::argsort(inside.to(at::kInt), /*stable=*/true, /*dim=*/0);
  const at::Tensor count = inside.logical_not().sum().to(at::kInt).view({1});
  return {order.to(at::kInt), count};
}

at::Tensor plain_gathered_product(const at::Tensor& x, const at::Tensor& weight,
                                  const at::Tensor& bias, const Selection& selection) {
  at::Tensor all = at::mv(weight.to(at::kFloat), x.to(at::kFloat));
  if (bias.defined()) all = all + bias.to(at::kFloat);
  const at::Tensor places = at::where(counted(selection), selection.indices, 0);
  return all.index_select(0, places);
}

void plain_gathered_accumulate(const at::Tensor& coefficients, const at::Tensor& weight,
                               const Selection& selection, at::Tensor& y) {
  const at::Tensor valid = counted(selection);
  const at::Tensor places = at::where(valid, selection.indices, 0);
  const at::Tensor factors = at::where(valid, coefficients, 0.0);
  at::Tensor of_neurons = at::zeros({weight.size(0)}, coefficients.options());
  of_neurons.index_add_(0, places, factors.to(at::kFloat));
  y.add_(at::mv(weight.t().to(at::kFloat), of_neurons));
}

}  // namespace assay
