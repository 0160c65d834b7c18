// The one symbol that libassay_cuda.so exports.
#include "harness/model/kernels/cuda/kernels.cuh"

extern "C" __attribute__((visibility("default"))) const assay::CudaTable* assay_cuda_table() {
  static const assay::CudaTable table = {assay::kCudaTableVersion, assay::packed_product_cuda,
                                         assay::select_outside_cuda, assay::gathered_product_cuda,
                                         assay::gathered_accumulate_cuda};
  return &table;
}
