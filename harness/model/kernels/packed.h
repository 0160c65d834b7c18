#pragma once
// Weight matrices of 2, 3, 4 or 8 bits a weight, and their products without unpacking in memory.

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace assay {

/// W[r, c] = scale[r, g] * (code[r, c] - zero[r, g]) with g = c / group. The last group of a row
/// may be short. One row is one output neuron, as in Linear.
///
/// The layout of `codes` is the same on every processor, so that an artefact can be moved; it is
/// described in packed_layout.h.
struct PackedMatrix {
  std::int64_t rows = 0, cols = 0;
  std::int64_t bits = 4;                     ///< 2, 3, 4 or 8
  std::int64_t group = 0;                    ///< columns that share a scale, a multiple of 32
  at::Tensor codes;                          ///< uint8 [rows, bytes a row]
  at::Tensor scales;                         ///< f16 [rows, groups]
  at::Tensor zeros;                          ///< uint8 [rows, groups]
  [[nodiscard]] std::int64_t bytes() const;  ///< of the three tensors, as they lie in memory
};

/// PackedMatrix::bytes() of a matrix of this size.
std::int64_t packed_bytes(std::int64_t rows, std::int64_t cols, std::int64_t bits,
                          std::int64_t group);

/// codes uint8 [rows, cols] < 2^bits, scales [rows, groups] (rounded to f16), zeros [rows, groups].
/// Throws std::logic_error for sizes that do not fit.
PackedMatrix pack_matrix(const at::Tensor& codes, const at::Tensor& scales, const at::Tensor& zeros,
                         std::int64_t bits, std::int64_t group);

/// uint8 [rows, cols]; the inverse, on the CPU.
at::Tensor unpack_codes(const PackedMatrix& matrix);

/// [rows, cols] in `dtype`: computed in fp32, rounded once.
at::Tensor dequantise(const PackedMatrix& matrix, at::ScalarType dtype);

/// rows [n, cols] fp32 or bf16, bias [matrix.rows] or undefined -> rows W^T + bias [n, matrix.rows]
/// in rows' dtype. All on one device.
///
/// On a CPU the packed codes are multiplied as they are, with the activations in 16-bit fixed
/// point: each is off by at most 2^-16 of the largest among its 32 (packed_cpu.h), far below bf16's
/// rounding, not below fp32's; a row with a value that is not finite becomes NaN throughout. A row
/// gives the same bits alone as among any number of others, and for any number of threads: a whole
/// pass and a decoding step do the same arithmetic.
///
/// On CUDA up to 8 rows are multiplied in fp32 throughout. There, and where gradients are asked
/// for, (more) rows meet tiles of weights that are dequantised to the rows' dtype.
at::Tensor packed_product(const at::Tensor& rows, const PackedMatrix& matrix,
                          const at::Tensor& bias);

}  // namespace assay
