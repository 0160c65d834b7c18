#pragma once
// Weight quantisation: groups of columns of a row share a scale and a zero point.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "harness/method/optimal_brain_surgeon.h"
#include "harness/model/kernels/packed.h"

namespace assay {

inline constexpr std::int64_t kGroupMultiple = 32;

struct QuantizeOptions {
  std::int64_t bits = 4;     ///< 2, 3, 4 or 8
  std::int64_t group = 128;  ///< columns that share a scale; a multiple of kGroupMultiple
};

/// What is wrong with a user's options, each named as the parameter that it comes from; empty =
/// fine. All else here throws std::logic_error for such options.
std::vector<std::string> quantize_problems(const QuantizeOptions& options,
                                           const std::string& bits_name,
                                           const std::string& group_name);

/// Codes of a matrix; W ~ scale * (code - zero). Scales are already rounded to what is stored.
struct Quantized {
  QuantizeOptions options;
  at::Tensor codes;   ///< uint8 [rows, cols]
  at::Tensor scales;  ///< f32 [rows, groups], each an f16 value
  at::Tensor zeros;   ///< uint8 [rows, groups]
};

/// Round to nearest on an asymmetric grid from the group's minimum (at most 0) to its maximum (at
/// least 0), so that 0 is on the grid. weight f32 [rows, cols] on the CPU; UserError when it is not
/// finite.
Quantized quantize_rtn(const at::Tensor& weight, const QuantizeOptions& options);

/// GPTQ (Frantar et al., ICLR 2023, arXiv 2210.17323): column by column, the rounding error of a
/// column moved into those that follow with the inverse Hessian. hessian = (2 / n) X^T X, f32
/// [cols, cols]. Grids are taken from the weights as they are when their group starts. Columns of
/// inputs that were always 0 become 0.
Quantized quantize_gptq(const at::Tensor& weight, const at::Tensor& hessian,
                        const QuantizeOptions& options, double damping, const DampingRetry& retry);

/// f32 [rows, cols].
at::Tensor dequantise(const Quantized& quantized);

PackedMatrix pack(const Quantized& quantized);

/// Stored bytes of a [rows, cols] matrix, scales and zero points included, as
/// PackedMatrix::bytes().
std::int64_t packed_bytes(std::int64_t rows, std::int64_t cols, const QuantizeOptions& options);

}  // namespace assay
