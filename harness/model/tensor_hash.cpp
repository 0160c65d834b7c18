#include "harness/model/tensor_hash.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstddef>
#include <span>

#include "harness/base/hashing.h"

namespace assay {

std::string tensor_hash(const at::Tensor& tensor) {
  const at::Tensor local = tensor.detach().cpu().contiguous();
  Sha256 hash;
  hash.update(
      fmt::format("{} {}\n", c10::toString(local.scalar_type()), fmt::join(local.sizes(), " ")));
  hash.update(std::span(static_cast<const std::byte*>(local.const_data_ptr()), local.nbytes()));
  return hash.hex();
}

}  // namespace assay
