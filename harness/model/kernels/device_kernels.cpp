#include "harness/model/kernels/device_kernels.h"

#include <ATen/ops/empty.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <dlfcn.h>

#include <filesystem>
#include <stdexcept>
#include <string>

#include "harness/model/kernels/cuda/cuda_table.h"

namespace assay {
namespace {

constexpr const char* kModule = "libassay_cuda.so";

/// Beside the program; tests stand in a folder beside that one.
const CudaTable* load_table() {
  std::error_code error;
  const std::filesystem::path folder =
      std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
  for (const auto& place : {folder / kModule, folder / ".." / "bin" / kModule}) {
    void* module = ::dlopen(place.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (module == nullptr) continue;
    const auto function = reinterpret_cast<CudaTableFunction>(::dlsym(module, kCudaTableSymbol));
    const CudaTable* table = function == nullptr ? nullptr : function();
    if (table != nullptr && table->version == kCudaTableVersion) return table;
  }
  return nullptr;
}

const CudaTable* cuda_table() {
  static const CudaTable* table = load_table();
  return table;
}

/// ATen's current stream of the device, as CUDA knows it.
void* stream_of(const at::Device& device) {
  const auto* guard = c10::impl::getDeviceGuardImpl(device.type());
  return guard->getStreamNativeHandle(guard->getStream(device));
}

void check(int error, const char* what) {
  if (error == 0) return;
  throw std::runtime_error(std::string(what) + ": CUDA error " + std::to_string(error));
}

CudaRows describe(const at::Tensor& weight, const Selection& selection) {
  return {weight.const_data_ptr(),
          weight.scalar_type() == at::kBFloat16,
          weight.stride(0),
          weight.size(0),
          weight.size(1),
          selection.indices.const_data_ptr<std::int32_t>(),
          selection.count.const_data_ptr<std::int32_t>()};
}

}  // namespace

bool has_device_kernels(const at::Device& device) {
  return device.is_cuda() && cuda_table() != nullptr;
}

at::Tensor device_packed_product(const at::Tensor& rows, const PackedMatrix& matrix) {
  const c10::DeviceGuard guard(rows.device());
  at::Tensor y = at::empty({rows.size(0), matrix.rows}, rows.options().dtype(at::kFloat));
  const CudaPacked packed{matrix.codes.const_data_ptr<std::uint8_t>(),
                          matrix.scales.const_data_ptr(),
                          matrix.zeros.const_data_ptr<std::uint8_t>(),
                          matrix.rows,
                          matrix.cols,
                          matrix.bits,
                          matrix.group};
  check(cuda_table()->packed_product(packed, rows.const_data_ptr(),
                                     rows.scalar_type() == at::kBFloat16, rows.size(0),
                                     y.mutable_data_ptr<float>(), stream_of(rows.device())),
        "packed product");
  return y;
}

Selection device_select_outside(const at::Tensor& z, const at::Tensor& low,
                                const at::Tensor& high) {
  const c10::DeviceGuard guard(z.device());
  const at::TensorOptions options = z.options().dtype(at::kInt);
  Selection selection{at::empty({z.size(0)}, options), at::empty({1}, options)};
  check(cuda_table()->select_outside(
            z.const_data_ptr<float>(), low.const_data_ptr<float>(), high.const_data_ptr<float>(),
            z.size(0), selection.indices.mutable_data_ptr<std::int32_t>(),
            selection.count.mutable_data_ptr<std::int32_t>(), stream_of(z.device())),
        "selection of neurons");
  return selection;
}

at::Tensor device_gathered_product(const at::Tensor& x, const at::Tensor& weight,
                                   const at::Tensor& bias, const Selection& selection) {
  const c10::DeviceGuard guard(x.device());
  at::Tensor result = at::empty({weight.size(0)}, x.options().dtype(at::kFloat));
  check(cuda_table()->gathered_product(describe(weight, selection), x.const_data_ptr(),
                                       bias.defined() ? bias.const_data_ptr() : nullptr,
                                       result.mutable_data_ptr<float>(), stream_of(x.device())),
        "gathered product");
  return result;
}

void device_gathered_accumulate(const at::Tensor& coefficients, const at::Tensor& weight,
                                const Selection& selection, at::Tensor& y) {
  const c10::DeviceGuard guard(y.device());
  at::Tensor scratch = at::empty({kCudaAddParts, weight.size(1)}, y.options());
  check(cuda_table()->gathered_accumulate(
            describe(weight, selection), coefficients.const_data_ptr<float>(),
            scratch.mutable_data_ptr<float>(), y.mutable_data_ptr<float>(), stream_of(y.device())),
        "sum of gathered rows");
}

}  // namespace assay
