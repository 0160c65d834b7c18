#pragma once
// The two passes over a layer's calibration inputs: first its range and Gram matrix, then its
// histograms beside the predictions. One layer at a time; memory does not grow with the tokens.

#include <ATen/core/Tensor.h>

#include <functional>
#include <string>

#include "harness/method/calibration_rows.h"
#include "methods/tardis/plain_ffn.h"
#include "methods/tardis/windows.h"

namespace assay {

/// Pass 1. Throws UserError, naming the layer, when an activation is not finite.
class RangePass final : public ActivationRecorder {
 public:
  RangePass(const PlainFfn& ffn, const RowFilter& filter) : ffn_(ffn), rows_(filter) {}
  void record(std::int64_t layer, Tap tap, const at::Tensor& rows,
              const StepContext& step) override;

  [[nodiscard]] std::int64_t tokens() const { return tokens_; }
  /// From the smallest to the largest pre-activation seen, but at most six standard deviations
  /// from the mean: a single outlier must not make the bins coarse.
  [[nodiscard]] BinScale scale(std::int64_t bins) const;
  /// (2 / n) X^T X, f32 [width, width] on the CPU.
  [[nodiscard]] at::Tensor hessian() const;
  /// Variance of the block's output, summed over its channels.
  [[nodiscard]] double output_variance() const;

 private:
  void take(const at::Tensor& x);

  const PlainFfn& ffn_;
  CalibrationRows rows_;
  std::int64_t tokens_ = 0;
  at::Tensor gram_;                      ///< f32
  at::Tensor least_, most_;              ///< f32 [neurons]
  at::Tensor sum_, square_sum_;          ///< f64 [neurons]
  at::Tensor out_sum_, out_square_sum_;  ///< f64 [width]
};

/// rows f32 [n, width] -> predicted pre-activations f32 [n, neurons].
using Predict = std::function<at::Tensor(const at::Tensor& rows)>;

/// Pass 2; also keeps some rows of the samples held out.
class ResponsePass final : public ActivationRecorder {
 public:
  /// fitted, held: which sequences go to the histograms and which are kept.
  ResponsePass(const PlainFfn& ffn, Predict predict, const BinScale& scale, const RowFilter& fitted,
               const RowFilter& held);
  void record(std::int64_t layer, Tap tap, const at::Tensor& rows,
              const StepContext& step) override;

  /// Ends the pass; the histograms move out. kappa: guard band in standard deviations of the
  /// prediction's error. layer_weight: factor of every neuron's error.
  [[nodiscard]] LayerResponse finish(double kappa, double layer_weight);
  /// Inputs of the block for tokens that nothing was fitted on, f32 [n, width] on the model's
  /// device; undefined when there are none.
  [[nodiscard]] at::Tensor held_rows() const;

 private:
  void take(const at::Tensor& x);

  const PlainFfn& ffn_;
  Predict predict_;
  CalibrationRows fitted_, held_;
  std::vector<at::Tensor> kept_;
  std::int64_t kept_rows_ = 0;
  std::int64_t tokens_ = 0;
  ResponseHistogram pre_;
  CountHistogram prediction_;
  at::Tensor error_sum_, error_square_sum_;  ///< f64 [neurons], of prediction - z
};

/// Most rows that are held out of one layer, so that a large model's do not fill the memory.
inline constexpr std::int64_t kMostHeldRows = 4096;

}  // namespace assay
