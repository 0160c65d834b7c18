#pragma once
// Keys and values of the tokens so far.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "harness/checkpoint/spec.h"
#include "harness/model/pass_state.h"

namespace assay {

/// Static: one pair of [batch, kv_heads, capacity, head_dim] a layer, of the layer's own shape;
/// undefined for a layer without attention.
class KvCache {
 public:
  KvCache(const ModelSpec& spec, std::int64_t batch, std::int64_t capacity, at::ScalarType dtype,
          at::Device device);
  [[nodiscard]] std::int64_t length() const { return length_; }
  [[nodiscard]] std::int64_t capacity() const { return capacity_; }
  [[nodiscard]] std::int64_t batch() const { return batch_; }
  [[nodiscard]] std::int64_t bytes() const;
  at::Tensor& keys(std::int64_t layer) { return keys_[static_cast<std::size_t>(layer)]; }
  at::Tensor& values(std::int64_t layer) { return values_[static_cast<std::size_t>(layer)]; }
  /// What a method's blocks keep of these sequences from step to step.
  PassState& state() { return state_; }
  /// Forgets the tokens from `length` on; with the first one, what blocks kept of the sequences.
  void truncate(std::int64_t length);
  void advance(std::int64_t tokens) { length_ += tokens; }

 private:
  std::int64_t batch_, capacity_, length_ = 0;
  std::vector<at::Tensor> keys_, values_;
  PassState state_;
};

}  // namespace assay
