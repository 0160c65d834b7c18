#pragma once
// How much the channels that enter a matrix fluctuate on a text.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>

#include "harness/model/seams.h"

namespace assay::flap {

/// Mean and variance of each channel over all rows, in f64 and in memory that does not grow with
/// the text. Squares of large values are never subtracted from each other.
class ChannelMoments {
 public:
  /// rows [n, channels] of any real type
  void add(const at::Tensor& rows);
  [[nodiscard]] std::int64_t rows() const { return rows_; }
  // On the CPU, f64 [channels]; undefined before the first row.
  [[nodiscard]] at::Tensor mean() const { return mean_.cpu(); }
  /// Divided by the number of rows.
  [[nodiscard]] at::Tensor variance() const { return square_sum_.div(rows_).cpu(); }

 private:
  void add_part(const at::Tensor& rows);
  std::int64_t rows_ = 0;
  at::Tensor mean_, square_sum_;  ///< the latter around the mean
};

/// Of what o and down get.
class LayerMoments final : public ActivationRecorder {
 public:
  void record(std::int64_t layer, Tap tap, const at::Tensor& rows,
              const StepContext& step) override;
  /// slot: kO or kDown. Throws std::logic_error when nothing was recorded.
  [[nodiscard]] const ChannelMoments& input_of(Slot slot) const;

 private:
  std::map<Tap, ChannelMoments> taps_;
};

}  // namespace assay::flap
