// Chosen rows on the device: the count of a selection is read by the kernels, never by the host.
#include <algorithm>

#include "harness/model/kernels/cuda/kernels.cuh"

namespace assay {
namespace {

/// Threads of the one block that selects; its warps' finds are added up by its first warp.
constexpr int kSelectThreads = 1024;
constexpr int kSelectWarps = kSelectThreads / kWarp;
static_assert(kSelectWarps == kWarp);

/// Blocks of a product: more than any device runs at a time, and fewer than there may be rows.
constexpr std::int64_t kProductBlocks = 1024;

/// Exclusive sums of one number a warp. Called by all threads of the block.
__device__ int before_warp(int found, int& total) {
  __shared__ int sums[kSelectWarps];
  const int lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp;
  __syncthreads();
  if (lane == 0) sums[warp] = found;
  __syncthreads();
  int before = 0;
  total = 0;
  for (int w = 0; w < kSelectWarps; ++w) {
    if (w < warp) before += sums[w];
    total += sums[w];
  }
  return before;
}

/// One block, so that the order is ascending without a second pass: a selection reads some hundred
/// kilobytes, next to the products around it.
__global__ void select_kernel(const float* z, const float* low, const float* high,
                              std::int64_t neurons, std::int32_t* indices, std::int32_t* count) {
  std::int32_t done = 0;
  for (std::int64_t first = 0; first < neurons; first += kSelectThreads) {
    const std::int64_t n = first + threadIdx.x;
    const bool outside = n < neurons && !(z[n] >= low[n] && z[n] <= high[n]);
    const unsigned int votes = __ballot_sync(0xffffffffU, outside);
    int total = 0;
    const int before = before_warp(__popc(votes), total);
    if (outside) {
      const unsigned int earlier = votes & ((1U << threadIdx.x % kWarp) - 1U);
      indices[done + before + __popc(earlier)] = static_cast<std::int32_t>(n);
    }
    done += total;
  }
  if (threadIdx.x == 0) *count = done;
}

template <typename Element>
__global__ void product_kernel(CudaRows rows, const Element* x, const Element* bias,
                               float* result) {
  const std::int64_t warps = std::int64_t{gridDim.x} * kWarps;
  const int lane = threadIdx.x % kWarp;
  const std::int64_t count = *rows.count;
  for (std::int64_t i = std::int64_t{blockIdx.x} * kWarps + threadIdx.x / kWarp; i < count;
       i += warps) {
    const std::int64_t neuron = rows.indices[i];
    const Element* row = static_cast<const Element*>(rows.weight) + neuron * rows.stride;
    float sum = 0;
    for (std::int64_t c = lane; c < rows.width; c += kWarp) sum += widen(row[c]) * widen(x[c]);
    sum = warp_sum(sum);
    if (lane == 0) result[i] = sum + (bias == nullptr ? 0.0F : widen(bias[neuron]));
  }
}

/// Part blockIdx.y of the selection, a thread for each column.
template <typename Element>
__global__ void part_kernel(CudaRows rows, const float* coefficients, float* parts) {
  const std::int64_t c = std::int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (c >= rows.width) return;
  const std::int64_t count = *rows.count;
  const std::int64_t size = (count + kCudaAddParts - 1) / kCudaAddParts;
  const std::int64_t begin = blockIdx.y * size;
  const std::int64_t end = begin + size < count ? begin + size : count;
  float sum = 0;
  for (std::int64_t i = begin; i < end; ++i) {
    const Element* row = static_cast<const Element*>(rows.weight) + rows.indices[i] * rows.stride;
    sum += coefficients[i] * widen(row[c]);
  }
  parts[blockIdx.y * rows.width + c] = sum;
}

__global__ void add_parts_kernel(const float* parts, std::int64_t width, float* y) {
  const std::int64_t c = std::int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (c >= width) return;
  float sum = y[c];
  for (std::int64_t part = 0; part < kCudaAddParts; ++part) sum += parts[part * width + c];
  y[c] = sum;
}

template <typename Element>
void launch_product(const CudaRows& rows, const void* x, const void* bias, float* result,
                    cudaStream_t stream) {
  const auto blocks = std::min(kProductBlocks, (rows.neurons + kWarps - 1) / kWarps);
  product_kernel<Element><<<static_cast<unsigned int>(blocks), kThreads, 0, stream>>>(
      rows, static_cast<const Element*>(x), static_cast<const Element*>(bias), result);
}

}  // namespace

int select_outside_cuda(const float* z, const float* low, const float* high, std::int64_t neurons,
                        std::int32_t* indices, std::int32_t* count, void* stream) {
  select_kernel<<<1, kSelectThreads, 0, static_cast<cudaStream_t>(stream)>>>(z, low, high, neurons,
                                                                             indices, count);
  return cudaGetLastError();
}

int gathered_product_cuda(const CudaRows& rows, const void* x, const void* bias, float* result,
                          void* stream) {
  if (rows.neurons == 0) return 0;
  auto* queue = static_cast<cudaStream_t>(stream);
  if (rows.bf16) {
    launch_product<__nv_bfloat16>(rows, x, bias, result, queue);
  } else {
    launch_product<float>(rows, x, bias, result, queue);
  }
  return cudaGetLastError();
}

int gathered_accumulate_cuda(const CudaRows& rows, const float* coefficients, float* scratch,
                             float* y, void* stream) {
  if (rows.width == 0) return 0;
  auto* queue = static_cast<cudaStream_t>(stream);
  const auto blocks = static_cast<unsigned int>((rows.width + kThreads - 1) / kThreads);
  const dim3 grid(blocks, static_cast<unsigned int>(kCudaAddParts));
  if (rows.bf16) {
    part_kernel<__nv_bfloat16><<<grid, kThreads, 0, queue>>>(rows, coefficients, scratch);
  } else {
    part_kernel<float><<<grid, kThreads, 0, queue>>>(rows, coefficients, scratch);
  }
  add_parts_kernel<<<blocks, kThreads, 0, queue>>>(scratch, rows.width, y);
  return cudaGetLastError();
}

}  // namespace assay
