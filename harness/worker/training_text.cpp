#include "harness/worker/training_text.h"

#include <fmt/format.h>

#include <utility>

#include "harness/base/errors.h"
#include "harness/worker/calibration.h"

namespace assay {
namespace {

void require_length(std::int64_t tokens, std::int64_t positions) {
  if (tokens >= 2 && tokens <= positions) return;
  throw UserError(fmt::format(
      "training.tokens is {}, and a window has from 2 to {} tokens, the model's positions", tokens,
      positions));
}

}  // namespace

TrainingText training_text(const TrainingTextRequest& request, std::int64_t positions) {
  require_length(request.tokens, positions);
  TrainingText text{read_calibration_text(request.data, "stream").tokens, request.tokens};
  const std::int64_t windows = text.windows();
  if (windows == 0 || windows < request.samples) {
    throw UserError(fmt::format(
        "training asks for {} windows of {} tokens, and the text has {} tokens, which "
        "make {}: lower training.samples or training.tokens",
        request.samples > 0 ? request.samples : 1, request.tokens, text.tokens.size(), windows));
  }
  const std::int64_t taken = request.samples > 0 ? request.samples : windows;
  text.tokens.resize(static_cast<std::size_t>(taken * request.tokens));
  return text;
}

}  // namespace assay
