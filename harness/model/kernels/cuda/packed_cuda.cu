// Packed products (packed_layout.h) with a few rows of activations: a warp for each weight row, a
// lane for every 32nd unit of its columns.
#include "harness/model/kernels/cuda/kernels.cuh"
#include "harness/model/kernels/packed_layout.h"

namespace assay {
namespace {

/// Field `field` of 16-bit word `word` of a unit.
template <int kBits>
__device__ int code_of(const std::uint32_t* low, std::uint32_t upper_word, int word, int field) {
  constexpr int kField = static_cast<int>(packed_field(kBits));
  const int code = low[word / 2] >> (word % 2 * 16 + field * kField) & ((1 << kField) - 1);
  if (kBits != 3) return code;
  return code | static_cast<int>(upper_word >> (word % 4 * 8 + field) & 1) << 2;
}

template <int kBits, int kBatch, typename Element>
__device__ void add_unit(const CudaPacked& matrix, const std::uint8_t* row, std::int64_t grid_row,
                         std::int64_t unit, const Element* x, float (&totals)[kBatch]) {
  constexpr int kWords = static_cast<int>(packed_words(kBits));
  std::uint32_t low[kWords / 2];
  const auto* from = reinterpret_cast<const std::uint32_t*>(row) + unit * (kWords / 2);
  for (int i = 0; i < kWords / 2; ++i) low[i] = from[i];
  std::uint32_t upper = 0;
  if (kBits == 3) {
    const std::uint8_t* high = row + packed_word_bytes(matrix.cols, kBits);
    upper = reinterpret_cast<const std::uint32_t*>(high)[unit];
  }
  const std::int64_t first = unit * kPackedUnit;
  const std::int64_t at = grid_row + first / matrix.group;
  const float scale = __half2float(static_cast<const __half*>(matrix.scales)[at]);
  const float zero = matrix.zeros[at];
  for (int c = 0; c < kPackedUnit && first + c < matrix.cols; ++c) {
    const float weight = scale * (code_of<kBits>(low, upper, c % kWords, c / kWords) - zero);
    for (int b = 0; b < kBatch; ++b) totals[b] += weight * widen(x[b * matrix.cols + first + c]);
  }
}

template <int kBits, int kBatch, typename Element>
__global__ void packed_kernel(CudaPacked matrix, const Element* x, float* y) {
  const std::int64_t row = std::int64_t{blockIdx.x} * kWarps + threadIdx.x / kWarp;
  if (row >= matrix.rows) return;
  const std::int64_t groups = (matrix.cols + matrix.group - 1) / matrix.group;
  const std::uint8_t* codes = matrix.codes + row * packed_row_bytes(matrix.cols, kBits);
  float totals[kBatch] = {};
  for (std::int64_t u = threadIdx.x % kWarp; u < packed_units(matrix.cols); u += kWarp) {
    add_unit<kBits, kBatch>(matrix, codes, row * groups, u, x, totals);
  }
  for (int b = 0; b < kBatch; ++b) {
    const float total = warp_sum(totals[b]);
    if (threadIdx.x % kWarp == 0) y[b * matrix.rows + row] = total;
  }
}

template <int kBits, int kBatch, typename Element>
void launch(const CudaPacked& matrix, const Element* x, float* y, cudaStream_t stream) {
  const auto blocks = static_cast<unsigned int>((matrix.rows + kWarps - 1) / kWarps);
  packed_kernel<kBits, kBatch, Element><<<blocks, kThreads, 0, stream>>>(matrix, x, y);
}

/// Rows in fours, then in ones: few kernels to compile, and codes are in the cache after the first.
template <int kBits, typename Element>
void launch_rows(const CudaPacked& matrix, const Element* x, std::int64_t n, float* y,
                 cudaStream_t stream) {
  for (; n >= 4; n -= 4, x += 4 * matrix.cols, y += 4 * matrix.rows) {
    launch<kBits, 4>(matrix, x, y, stream);
  }
  for (; n > 0; --n, x += matrix.cols, y += matrix.rows) launch<kBits, 1>(matrix, x, y, stream);
}

template <typename Element>
void launch_bits(const CudaPacked& matrix, const void* x, std::int64_t n, float* y,
                 cudaStream_t stream) {
  const auto* values = static_cast<const Element*>(x);
  switch (matrix.bits) {
    case 2:
      return launch_rows<2>(matrix, values, n, y, stream);
    case 3:
      return launch_rows<3>(matrix, values, n, y, stream);
    case 4:
      return launch_rows<4>(matrix, values, n, y, stream);
    default:
      return launch_rows<8>(matrix, values, n, y, stream);
  }
}

}  // namespace

int packed_product_cuda(const CudaPacked& matrix, const void* x, bool bf16, std::int64_t n,
                        float* y, void* stream) {
  if (matrix.rows == 0) return 0;
  auto* queue = static_cast<cudaStream_t>(stream);
  if (bf16) {
    launch_bits<__nv_bfloat16>(matrix, x, n, y, queue);
  } else {
    launch_bits<float>(matrix, x, n, y, queue);
  }
  return cudaGetLastError();
}

}  // namespace assay
