// Quantised matrices into the kernels' layout; quantize.cpp is numerics only.
#include "harness/compress/quantize.h"

namespace assay {

PackedMatrix pack(const Quantized& quantized) {
  return pack_matrix(quantized.codes, quantized.scales, quantized.zeros, quantized.options.bits,
                     quantized.options.group);
}

std::int64_t packed_bytes(std::int64_t rows, std::int64_t cols, const QuantizeOptions& options) {
  return packed_bytes(rows, cols, options.bits, options.group);
}

}  // namespace assay
