#include "harness/method/calibration_rows.h"

#include <algorithm>

namespace assay {

at::Tensor CalibrationRows::select(const at::Tensor& rows, const StepContext& step) {
  const std::int64_t first = std::clamp<std::int64_t>(filter_.begin_sample - seen_, 0, step.batch);
  const std::int64_t last = std::clamp<std::int64_t>(filter_.end_sample - seen_, first, step.batch);
  const std::int64_t skip = std::min(filter_.skip_first_tokens, step.tokens);
  seen_ += step.batch;
  return rows.view({step.batch, step.tokens, rows.size(1)})
      .narrow(0, first, last - first)
      .narrow(1, skip, step.tokens - skip)
      .reshape({-1, rows.size(1)})
      .to(at::kFloat);
}

std::int64_t fitted_samples(std::int64_t samples) {
  return samples - std::min(std::max<std::int64_t>(1, samples / 8), samples - 1);
}

}  // namespace assay
