#pragma once
// The part of the environment that only a process with LibTorch knows.

#include "harness/base/json.h"

namespace assay {

/// {"version", "cpu_capability", "mkl", "onednn", "openmp", "threads", "interop_threads", "blas"}.
Json torch_environment();

/// Threads of one operation, for everything that this process computes from now on.
void use_threads(int threads);

/// "2.11.0": of the headers that this program was compiled against.
std::string torch_version();

}  // namespace assay
