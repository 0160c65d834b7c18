#pragma once
// What libassay_cuda.so offers to a process that found a CUDA device: plain functions over device
// pointers, so that only this module is compiled by nvcc and nothing else links CUDA.
//
// Every function queues its work on `stream` (a cudaStream_t) of the current device and returns at
// once; the result is 0 or a cudaError_t. Elements of x, weights and results are fp32, or bf16
// where `bf16` says so. Arithmetic is fp32, in an order that does not change from run to run.

#include <cstdint>

namespace assay {

/// The name that the module exports, of type CudaTableFunction.
inline constexpr const char* kCudaTableSymbol = "assay_cuda_table";
/// Raised with every change of the table: the module beside a program may be an older one.
inline constexpr int kCudaTableVersion = 1;

/// Most activation rows of one packed product.
inline constexpr std::int64_t kCudaPackedMaxBatch = 8;
/// Parts of a selection that are summed apart and then added up in order.
inline constexpr std::int64_t kCudaAddParts = 32;

/// See PackedMatrix and packed_layout.h.
struct CudaPacked {
  const std::uint8_t* codes;
  const void* scales;  ///< f16
  const std::uint8_t* zeros;
  std::int64_t rows, cols, bits, group;
};

/// Chosen rows of weight [neurons, width], rows `stride` elements apart.
struct CudaRows {
  const void* weight;
  bool bf16;
  std::int64_t stride, neurons, width;
  const std::int32_t* indices;
  const std::int32_t* count;
};

struct CudaTable {
  int version;
  /// y [n, rows] = x [n, cols] W^T, f32; n at most kCudaPackedMaxBatch.
  int (*packed_product)(const CudaPacked& matrix, const void* x, bool bf16, std::int64_t n,
                        float* y, void* stream);
  int (*select_outside)(const float* z, const float* low, const float* high, std::int64_t neurons,
                        std::int32_t* indices, std::int32_t* count, void* stream);
  /// bias [neurons] of the weight's type, or null.
  int (*gathered_product)(const CudaRows& rows, const void* x, const void* bias, float* result,
                          void* stream);
  /// scratch: f32 [kCudaAddParts, width].
  int (*gathered_accumulate)(const CudaRows& rows, const float* coefficients, float* scratch,
                             float* y, void* stream);
};

using CudaTableFunction = const CudaTable* (*)();

}  // namespace assay
