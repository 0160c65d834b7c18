#pragma once
// What the neurons of a feed-forward block do on a text, gathered batch by batch in memory that
// does not grow with it.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>

#include "harness/method/layerwise.h"

namespace assay {

/// Sums over tokens for each neuron, in f64.
class NeuronStatistics {
 public:
  /// With `top` > 0, also counts how often a neuron is among the `top` largest of a token by size.
  explicit NeuronStatistics(std::int64_t top) : top_(top) {}
  /// Adds activations [n, neurons] of any real type, of the tokens where `counted` (bool [n] or
  /// undefined = all) is true: padding changes nothing when it is not counted.
  void add(const at::Tensor& activations, const at::Tensor& counted);
  [[nodiscard]] std::int64_t tokens() const { return tokens_; }
  // On the CPU, f64 [neurons]. Throw UserError when no token was counted.
  [[nodiscard]] at::Tensor norm() const;           ///< l2 norm over the tokens
  [[nodiscard]] at::Tensor mean_abs() const;       ///< mean of |a|
  [[nodiscard]] at::Tensor top_frequency() const;  ///< part of the tokens; 0 without `top`

 private:
  void require_tokens() const;
  std::int64_t top_;
  std::int64_t tokens_ = 0;
  at::Tensor square_sum_, abs_sum_, top_count_;  ///< f64 [neurons]
};

/// What a recorder of a feed-forward block gathers.
struct FfnRecorderOptions {
  std::int64_t first_tokens = 0;  ///< leave out tokens at positions below this: massive activations
  std::int64_t top = 0;           ///< see NeuronStatistics
  bool with_gram = false;         ///< also X^T X of both of the block's inputs
};

/// Neurons' statistics and, if asked for, second moments of the inputs of up (and gate) and of
/// down.
class FfnRecorder final : public ActivationRecorder {
 public:
  explicit FfnRecorder(const FfnRecorderOptions& options)
      : options_(options), neurons_(options.top) {}
  void record(std::int64_t layer, Tap tap, const at::Tensor& rows,
              const StepContext& step) override;
  [[nodiscard]] const NeuronStatistics& neurons() const { return neurons_; }
  /// Throws std::logic_error unless asked for and recorded.
  [[nodiscard]] const InputStatistics& input_of(Slot slot) const;

 private:
  FfnRecorderOptions options_;
  NeuronStatistics neurons_;
  std::map<Tap, InputStatistics> inputs_;
};

}  // namespace assay
