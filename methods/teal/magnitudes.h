#pragma once
// How large the entries are that reach a matrix: a histogram of |x|, and its quantiles.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <vector>

#include "harness/checkpoint/spec.h"
#include "harness/model/step.h"

namespace assay::teal {

/// Steps of a table of quantiles, which has one entry more.
inline constexpr std::int64_t kQuantileSteps = 4096;

/// Counts |x| in bins whose edges are the floats with the last 13 of their bits clear: 1024 bins
/// between a power of two and the next, zero and the subnormal numbers in the first ones. Any range
/// fits, so that one pass over the values is enough. Memory: 2 MiB.
class MagnitudeHistogram {
 public:
  MagnitudeHistogram();
  /// Of any shape and real type, on any device. NaN counts as larger than everything.
  void add(const at::Tensor& values);
  [[nodiscard]] std::int64_t count() const { return total_; }
  /// f32 [kQuantileSteps + 1] on the CPU: entry k is the magnitude that k / kQuantileSteps of the
  /// values do not exceed, linear within a bin. Throws std::logic_error when nothing was added.
  [[nodiscard]] at::Tensor quantiles() const;

 private:
  std::vector<std::int64_t> counts_;
  std::int64_t total_ = 0;
};

/// The magnitude that this share of the values does not exceed, linear between the table's entries.
/// share in [0, 1]; at 1 infinity, since another text may exceed what calibration saw.
double magnitude_at(const at::Tensor& quantiles, double share);

/// The share of the values that do not exceed `magnitude`: the inverse, and the upper end of it
/// where many values are equal.
double share_up_to(const at::Tensor& quantiles, double magnitude);

/// Where magnitudes are taken: the inputs of matrices, and what CATS compares.
enum class Place {
  kQkv,   ///< input of q, k and v
  kOut,   ///< input of o
  kFfn,   ///< input of gate and up
  kDown,  ///< input of down
  kGate,  ///< act(gate(x)) of a gated block
};
/// "qkv", "o", "ffn", "down", "gate"
const char* place_name(Place place);

/// The magnitudes of one layer.
class LayerMagnitudes final : public ActivationRecorder {
 public:
  explicit LayerMagnitudes(const ModelSpec& spec) : spec_(spec) {}
  void record(std::int64_t layer, Tap tap, const at::Tensor& rows,
              const StepContext& step) override;
  /// Those that were told of.
  [[nodiscard]] const std::map<Place, MagnitudeHistogram>& places() const { return places_; }

 private:
  const ModelSpec& spec_;
  std::map<Place, MagnitudeHistogram> places_;
};

}  // namespace assay::teal
