// What a quantised matrix takes once packed; apart from quantize.cpp, which is numerics only.
#include <ATen/ops/zeros.h>

#include "harness/compress/quantize.h"

namespace assay {

PackedMatrix pack(const Quantized& quantized) {
  return pack_matrix(quantized.codes, quantized.scales, quantized.zeros, quantized.options.bits,
                     quantized.options.group);
}

std::int64_t packed_bytes(std::int64_t rows, std::int64_t cols, const QuantizeOptions& options) {
  // The layout belongs to packed.cpp, and every row of it takes the same: ask it for one.
  const std::int64_t groups = (cols + options.group - 1) / options.group;
  const at::TensorOptions bytes = at::TensorOptions().dtype(at::kByte);
  return rows * pack_matrix(at::zeros({1, cols}, bytes),
                            at::zeros({1, groups}, bytes.dtype(at::kFloat)),
                            at::zeros({1, groups}, bytes), options.bits, options.group)
                    .bytes();
}

}  // namespace assay
