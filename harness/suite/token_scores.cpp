#include "harness/suite/token_scores.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/gather.h>
#include <ATen/ops/log_softmax.h>

#include <algorithm>

#include "harness/model/kernels/rowwise_torch.h"

namespace assay {

void for_each_log_softmax(const Model& model, const at::Tensor& hidden,
                          const std::function<void(std::int64_t, const at::Tensor&)>& use) {
  const std::int64_t rows = hidden.size(0);
  for (std::int64_t begin = 0; begin < rows; begin += kLogitRows) {
    const std::int64_t count = std::min(kLogitRows, rows - begin);
    use(begin, at::log_softmax(model.logits(hidden.narrow(0, begin, count)), 1, at::kFloat));
  }
}

namespace {

/// Without the matrix of log-probabilities: one pass over the logits.
at::Tensor token_nll_cpu(const Model& model, const at::Tensor& hidden, const at::Tensor& targets) {
  at::Tensor nll = at::empty({hidden.size(0)}, at::kFloat);
  for (std::int64_t begin = 0; begin < hidden.size(0); begin += kLogitRows) {
    const std::int64_t count = std::min(kLogitRows, hidden.size(0) - begin);
    const at::Tensor logits = model.logits(hidden.narrow(0, begin, count));
    const at::Tensor wanted = targets.narrow(0, begin, count).contiguous();
    nll.narrow(0, begin, count).copy_(log_likelihood_cpu(logits, wanted).neg());
  }
  return nll;
}

}  // namespace

at::Tensor token_nll(const Model& model, const at::Tensor& hidden, const at::Tensor& targets) {
  if (plain_cpu(hidden)) return token_nll_cpu(model, hidden, targets);
  at::Tensor nll = at::empty({hidden.size(0)}, at::kFloat);
  const at::Tensor wanted = targets.to(hidden.device()).unsqueeze(1);
  for_each_log_softmax(model, hidden, [&](std::int64_t begin, const at::Tensor& log_probs) {
    const std::int64_t count = log_probs.size(0);
    const at::Tensor picked = log_probs.gather(1, wanted.narrow(0, begin, count)).squeeze(1);
    nll.narrow(0, begin, count).copy_(picked.neg());
  });
  return nll;
}

}  // namespace assay
