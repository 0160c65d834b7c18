#include "harness/suite/token_scores.h"

#include <ATen/ops/empty.h>
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
  if (hidden.device().is_cpu()) return model.log_likelihood(hidden, targets).neg();
  at::Tensor nll = at::empty({hidden.size(0)}, at::kFloat);
  for (std::int64_t begin = 0; begin < hidden.size(0); begin += kLogitRows) {
    const std::int64_t count = std::min(kLogitRows, hidden.size(0) - begin);
    const at::Tensor values =
        model.log_likelihood(hidden.narrow(0, begin, count), targets.narrow(0, begin, count));
    nll.narrow(0, begin, count).copy_(values.neg());
  }
  return nll;
}

}  // namespace assay
