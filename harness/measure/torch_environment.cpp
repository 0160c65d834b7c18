#include "harness/measure/torch_environment.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <torch/headeronly/version.h>

#include <cstdlib>
#include <string>

namespace assay {
namespace {

/// The value of KEY=value in LibTorch's description of its own build.
std::string build_setting(const std::string& key) {
  const std::string config = at::show_config();
  const std::size_t begin = config.find(key + "=");
  if (begin == std::string::npos) return "";
  const std::size_t value = begin + key.size() + 1;
  return config.substr(value, config.find_first_of(", \n", value) - value);
}

/// Variables of the process that change how many threads compute, or how.
Json thread_variables() {
  Json set = Json::object();
  for (const char* name :
       {"OMP_NUM_THREADS", "MKL_NUM_THREADS", "KMP_AFFINITY", "GOMP_CPU_AFFINITY", "OMP_PROC_BIND",
        "MKL_ENABLE_INSTRUCTIONS", "ONEDNN_MAX_CPU_ISA", "ATEN_CPU_CAPABILITY", "LD_PRELOAD"}) {
    if (const char* value = std::getenv(name)) set[name] = value;
  }
  return set;
}

}  // namespace

std::string torch_version() { return TORCH_VERSION; }

void use_threads(int threads) { at::set_num_threads(threads); }

Json torch_environment() {
  return {{"version", torch_version()},         {"cpu_capability", at::get_cpu_capability()},
          {"blas", build_setting("BLAS_INFO")}, {"mkl", at::get_mkl_version()},
          {"onednn", at::get_mkldnn_version()}, {"openmp", at::get_openmp_version()},
          {"threads", at::get_num_threads()},   {"interop_threads", at::get_num_interop_threads()},
          {"variables", thread_variables()}};
}

}  // namespace assay
