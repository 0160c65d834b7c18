#pragma once
// Scoring tokens without their logits: the product with the head, a part of the vocabulary at a
// time.

#include <ATen/core/Tensor.h>

namespace assay {

/// What becomes of scores behind the product.
struct LogitForm {
  double scale = 1;    ///< they are multiplied by it,
  double softcap = 0;  ///< then become cap * tanh(score / cap); 0: they stay
};
/// Likewise; in place, unless it is differentiated.
at::Tensor formed_logits(at::Tensor logits, const LogitForm& form);

/// hidden [n, width], weight [vocab, width], bias [vocab] or undefined, targets int64 [n], all
/// plain CPU tensors of one type -> f32 [n]: log softmax(formed(hidden W^T + b))[target], nats.
///
/// Logits are rounded to the type as the whole product would round them; their sum is fp32. All
/// rows meet a part of the head while it is in the cache, and the matrix of logits never exists.
at::Tensor head_log_likelihood(const at::Tensor& hidden, const at::Tensor& weight,
                               const at::Tensor& bias, const at::Tensor& targets,
                               const LogitForm& form = {});

}  // namespace assay
