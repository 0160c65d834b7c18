#pragma once
// Greedy decoding, as it is timed.

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "harness/model/kv_cache.h"
#include "harness/model/model.h"

namespace assay {

/// Greedy decoding over a static cache, as a server runs it: the product with the head is done for
/// the last position only, and a step ends when the chosen tokens are on the host.
class GreedyLoop {
 public:
  GreedyLoop(const Model& model, std::int64_t batch, std::int64_t capacity);

  /// Forgets what came before and runs tokens [batch, length] -> next tokens [batch, 1] on the
  /// model's device. `logits`: where to leave those that the choice was made from, [batch, vocab].
  at::Tensor prefill(const at::Tensor& tokens, at::Tensor* logits = nullptr);
  /// One step for every row of the batch: tokens [batch, 1] -> next tokens [batch, 1].
  at::Tensor step(const at::Tensor& tokens, at::Tensor* logits = nullptr);

 private:
  at::Tensor run(const at::Tensor& tokens, at::Tensor* logits);
  const Model* model_;
  KvCache cache_;
};

/// Synthetic prompt [batch, length], the same for a seed, batch and length.
at::Tensor synthetic_prompt(const Model& model, std::int64_t batch, std::int64_t length,
                            std::uint64_t seed);

}  // namespace assay
