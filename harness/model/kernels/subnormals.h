#pragma once
// Numbers too small for a normal exponent: below 1.2e-38 in fp32 and bfloat16. A processor computes
// with them in microcode, a hundred cycles at a time, and nothing else about a weight shows in its
// time.

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace assay {

/// From now on the calling thread and every thread of LibTorch's pool read subnormal numbers as
/// zero and write zero for them; `flush` = false: they compute with them again. Threads that the
/// pool starts later inherit it from the caller. False where the processor has no such mode.
bool flush_subnormals(bool flush = true);

/// True when the mode is on in the calling thread and in all threads of the pool: asks each for a
/// product whose result or factor is subnormal.
bool subnormals_are_flushed();

/// How many elements are subnormal. fp32 and bfloat16 on a CPU; 0 for other types, whose values all
/// become normal fp32, and for other devices, which lose no time on them.
std::int64_t count_subnormals(const at::Tensor& tensor);

}  // namespace assay
