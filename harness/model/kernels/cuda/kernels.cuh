#pragma once
// Shared by the kernels of this folder.

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <cstdint>

#include "harness/model/kernels/cuda/cuda_table.h"

namespace assay {

constexpr int kWarp = 32;
constexpr int kThreads = 256;
constexpr int kWarps = kThreads / kWarp;

__device__ inline float widen(float value) { return value; }
__device__ inline float widen(__nv_bfloat16 value) { return __bfloat162float(value); }

/// The sum over a warp, in every lane; the same order each time.
__device__ inline float warp_sum(float value) {
  for (int step = kWarp / 2; step > 0; step /= 2) {
    value += __shfl_xor_sync(0xffffffffU, value, step);
  }
  return value;
}

int packed_product_cuda(const CudaPacked& matrix, const void* x, bool bf16, std::int64_t n,
                        float* y, void* stream);
int select_outside_cuda(const float* z, const float* low, const float* high, std::int64_t neurons,
                        std::int32_t* indices, std::int32_t* count, void* stream);
int gathered_product_cuda(const CudaRows& rows, const void* x, const void* bias, float* result,
                          void* stream);
int gathered_accumulate_cuda(const CudaRows& rows, const float* coefficients, float* scratch,
                             float* y, void* stream);

}  // namespace assay
