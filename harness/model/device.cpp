#include "harness/model/device.h"

#include <ATen/Context.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <dlfcn.h>
#include <fmt/format.h>

#include <charconv>
#include <filesystem>

#include "harness/base/cell_errors.h"
#include "harness/base/text.h"

namespace assay {
namespace {

constexpr const char* kRemedy = "use device = \"cpu\"";

// Index of "cuda" or "cuda:N".
int cuda_index(const std::string& name) {
  int index = 0;
  const std::string digits = name.size() > 5 && name[4] == ':' ? name.substr(5) : "";
  const char* end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, index);
  const bool numbered = !digits.empty() && error == std::errc() && stop == end && index >= 0;
  if (name == "cuda" || (name.starts_with("cuda:") && numbered)) return index;
  throw UserError(fmt::format("unknown device '{}'; allowed: \"cpu\", \"cuda\", \"cuda:1\"", name));
}

// libtorch_cuda stands beside libtorch_cpu, and only a process that uses it pays for it.
void load_cuda_library() {
  Dl_info info{};
  ::dladdr(reinterpret_cast<void*>(&at::globalContext), &info);
  const std::filesystem::path folder =
      std::filesystem::path(info.dli_fname == nullptr ? "" : info.dli_fname).parent_path();
  const std::string library = (folder / "libtorch_cuda.so").string();
  if (::dlopen(library.c_str(), RTLD_NOW | RTLD_GLOBAL) == nullptr) {
    throw NotOnThisMachine(fmt::format("no CUDA: {}; {}", ::dlerror(), kRemedy));
  }
}

}  // namespace

at::Device open_device(const std::string& name) {
  if (name == "cpu") return at::kCPU;
  const int index = cuda_index(name);
  load_cuda_library();
  if (!at::hasCUDA()) {
    throw NotOnThisMachine(fmt::format(
        "no CUDA device: the driver is missing or finds no device (try nvidia-smi); {}", kRemedy));
  }
  const int count = at::detail::getCUDAHooks().deviceCount();
  if (index >= count) {
    throw NotOnThisMachine(fmt::format(
        "device '{}' is missing: this machine has {} CUDA devices; {}", name, count, kRemedy));
  }
  return {at::kCUDA, static_cast<c10::DeviceIndex>(index)};
}

at::ScalarType dtype_from_name(const std::string& name) {
  if (name == "fp32") return at::kFloat;
  if (name == "bf16") return at::kBFloat16;
  throw UserError(unknown_name_message("dtype", name, {"fp32", "bf16"}));
}

}  // namespace assay
