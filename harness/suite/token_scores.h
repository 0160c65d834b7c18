#pragma once
// Log-probabilities of single tokens without ever holding the logits of many positions at once.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>

#include "harness/model/model.h"

namespace assay {

/// Rows of logits that exist at one time: 128 x 49,152 x 4 B = 25 MB.
inline constexpr std::int64_t kLogitRows = 128;

/// Applies the head to `hidden` [n, width] chunk by chunk: `use(begin, log_probs)` sees the
/// log-softmax [rows, vocab] in f32 of rows [begin, begin + rows).
void for_each_log_softmax(const Model& model, const at::Tensor& hidden,
                          const std::function<void(std::int64_t, const at::Tensor&)>& use);

/// -log p(target) of each row in f32 on the CPU. hidden [n, width], targets int64 [n] -> [n]
at::Tensor token_nll(const Model& model, const at::Tensor& hidden, const at::Tensor& targets);

}  // namespace assay
