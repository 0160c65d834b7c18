#include "harness/model/kv_cache.h"

#include <ATen/ops/zeros.h>
#include <fmt/format.h>

#include <stdexcept>

namespace assay {

KvCache::KvCache(const ModelSpec& spec, std::int64_t batch, std::int64_t capacity,
                 at::ScalarType dtype, at::Device device)
    : batch_(batch), capacity_(capacity) {
  const auto options = at::TensorOptions().dtype(dtype).device(device);
  for (std::int64_t layer = 0; layer < spec.layers; ++layer) {
    const LayerShape& shape = spec.layer(layer);
    keys_.emplace_back();
    values_.emplace_back();
    if (!shape.has_attention) continue;
    keys_.back() = at::zeros({batch, shape.kv_heads, capacity, shape.head_dim}, options);
    values_.back() = at::zeros({batch, shape.kv_heads, capacity, shape.head_dim}, options);
  }
}

std::int64_t KvCache::bytes() const {
  std::int64_t sum = 0;
  for (const at::Tensor& tensor : keys_) {
    if (tensor.defined()) sum += static_cast<std::int64_t>(tensor.nbytes());
  }
  return 2 * sum;
}

void KvCache::truncate(std::int64_t length) {
  if (length < 0 || length > length_) {
    throw std::logic_error(
        fmt::format("a cache of {} tokens cannot be cut to {}", length_, length));
  }
  length_ = length;
  if (length == 0) state_.clear();
}

}  // namespace assay
