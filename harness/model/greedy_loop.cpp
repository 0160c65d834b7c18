#include "harness/model/greedy_loop.h"

#include <ATen/ops/argmax.h>
#include <ATen/ops/empty.h>
#include <c10/core/InferenceMode.h>

namespace assay {

GreedyLoop::GreedyLoop(const Model& model, std::int64_t batch, std::int64_t capacity)
    : model_(&model), cache_(model.spec(), batch, capacity, model.dtype(), model.device()) {}

at::Tensor GreedyLoop::prefill(const at::Tensor& tokens, at::Tensor* logits) {
  cache_.truncate(0);
  return run(tokens, logits);
}

at::Tensor GreedyLoop::step(const at::Tensor& tokens, at::Tensor* logits) {
  return run(tokens, logits);
}

at::Tensor GreedyLoop::run(const at::Tensor& tokens, at::Tensor* logits) {
  const c10::InferenceMode inference;
  const std::int64_t batch = tokens.size(0);
  const at::Tensor rows = model_->hidden_step(tokens, cache_);
  const at::Tensor last =
      rows.view({batch, tokens.size(1), rows.size(1)}).select(1, tokens.size(1) - 1).contiguous();
  const at::Tensor scores = model_->logits(last);
  if (logits != nullptr) *logits = scores;
  const at::Tensor next = at::argmax(scores, 1, /*keepdim=*/true);
  // The copy waits for a device that runs behind; on a CPU it is the tensor itself.
  (void)next.to(at::kCPU);
  return next;
}

at::Tensor synthetic_prompt(const Model& model, std::int64_t batch, std::int64_t length,
                            std::uint64_t seed) {
  const auto vocab = static_cast<std::uint64_t>(model.spec().vocab);
  at::Tensor tokens = at::empty({batch, length}, at::kLong);
  auto* out = tokens.mutable_data_ptr<std::int64_t>();
  std::uint64_t state = seed;
  for (std::int64_t i = 0; i < tokens.numel(); ++i) {
    // SplitMix64: any good mixing will do, and it is the same on every machine.
    state += 0x9e3779b97f4a7c15U;
    std::uint64_t z = state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    out[i] = static_cast<std::int64_t>((z ^ (z >> 31)) % vocab);
  }
  return tokens.to(model.device());
}

}  // namespace assay
