#pragma once
// Accounting of blocks, from their tensors.

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace assay {

/// Sizes and work of a block. Sums over a model make the accounting.
struct Cost {
  std::int64_t params = 0;           ///< logical parameters, zeros included
  std::int64_t nonzero = 0;          ///< parameters that are not exactly zero
  std::int64_t resident_bytes = 0;   ///< held in the device's memory to run
  std::int64_t host_bytes = 0;       ///< held in the host's memory beside it; 0 on a CPU
  std::int64_t touched_bytes = 0;    ///< read for any decoded token, batch 1
  std::int64_t flops_per_token = 0;  ///< executed, multiply and add counted apart
  Cost& operator+=(const Cost& other);
};

/// Parameters, nonzeros and bytes of a tensor that a decoded token reads whole; nothing when it is
/// undefined. Work is left to the block that knows it.
Cost tensor_cost(const at::Tensor& tensor);

/// The same of a table of which a token reads one row.
Cost lookup_cost(const at::Tensor& table);

}  // namespace assay
