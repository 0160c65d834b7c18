#pragma once
// Which of the recorded rows count: knobs that recorders of activations share.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <limits>

#include "harness/model/seams.h"

namespace assay {

struct RowFilter {
  std::int64_t skip_first_tokens = 0;  ///< of every sequence: attention sinks look like no other
  std::int64_t begin_sample = 0;       ///< sequences [begin, end) of the calibration set
  std::int64_t end_sample = std::numeric_limits<std::int64_t>::max();
};

/// Follows the batches of one pass over the calibration set.
class CalibrationRows {
 public:
  explicit CalibrationRows(const RowFilter& filter) : filter_(filter) {}
  /// rows [batch * tokens, width] of the next batch -> those that count, f32 [n, width].
  at::Tensor select(const at::Tensor& rows, const StepContext& step);

 private:
  RowFilter filter_;
  std::int64_t seen_ = 0;  ///< sequences
};

/// Sequences that are fitted on when the last eighth of `samples` is held out; all of one.
std::int64_t fitted_samples(std::int64_t samples);

}  // namespace assay
