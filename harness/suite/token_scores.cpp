#include "harness/suite/token_scores.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/gather.h>
#include <ATen/ops/log_softmax.h>

#include <algorithm>

namespace assay {

void for_each_log_softmax(const Model& model, const at::Tensor& hidden,
                          const std::function<void(std::int64_t, const at::Tensor&)>& use) {
  const std::int64_t rows = hidden.size(0);
  for (std::int64_t begin = 0; begin < rows; begin += kLogitRows) {
    const std::int64_t count = std::min(kLogitRows, rows - begin);
    use(begin, at::log_softmax(model.logits(hidden.narrow(0, begin, count)), 1, at::kFloat));
  }
}

at::Tensor token_nll(const Model& model, const at::Tensor& hidden, const at::Tensor& targets) {
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
