#include <ATen/ops/zeros.h>
#include <fmt/format.h>

#include <stdexcept>

#include "harness/model/model.h"

namespace assay {

KvCache::KvCache(const ModelSpec& spec, std::int64_t batch, std::int64_t capacity,
                 at::ScalarType dtype, at::Device device)
    : batch_(batch), capacity_(capacity) {
  const auto options = at::TensorOptions().dtype(dtype).device(device);
  for (std::int64_t layer = 0; layer < spec.layers; ++layer) {
    keys_.push_back(at::zeros({batch, spec.kv_heads, capacity, spec.head_dim}, options));
    values_.push_back(at::zeros({batch, spec.kv_heads, capacity, spec.head_dim}, options));
  }
}

std::int64_t KvCache::bytes() const {
  std::int64_t sum = 0;
  for (const at::Tensor& tensor : keys_) sum += static_cast<std::int64_t>(tensor.nbytes());
  return 2 * sum;
}

void KvCache::truncate(std::int64_t length) {
  if (length < 0 || length > length_) {
    throw std::logic_error(
        fmt::format("a cache of {} tokens cannot be cut to {}", length_, length));
  }
  length_ = length;
}

}  // namespace assay
