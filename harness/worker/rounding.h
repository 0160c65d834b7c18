#pragma once
// How far apart two equally right ways to compute a model may end: measured on the model itself.
//
// Two paths through the same weights sum in another order (a whole pass and a step over a cache
// do), and differ by the last bits of the dtype. A plain model hands such a difference on about as
// large as it came. One that rounds its activations on the way (16-bit fixed point before packed
// weights, a predictor's edge) does not: a last bit that tips a value over a step of the rounding
// becomes a whole step, and after some layers two right answers are as far apart as those steps,
// however equal the arithmetic. No constant knows the size of that, but the model does: noise of
// one unit of rounding at the entry and exit of every block is what another order of summation
// would have done.

#include <algorithm>
#include <cstdint>
#include <functional>

#include "harness/model/model.h"
#include "harness/protocol/fingerprint.h"

namespace assay {

/// While it lives, what goes into and comes out of each attention and feed-forward block is off by
/// up to one unit of the dtype's rounding, of the row's root mean square, drawn from `seed`.
class RoundingNoise {
 public:
  RoundingNoise(Model& model, std::uint64_t seed);
  ~RoundingNoise();
  RoundingNoise(const RoundingNoise&) = delete;
  RoundingNoise& operator=(const RoundingNoise&) = delete;

 private:
  Model& model_;
};

/// The tolerance of a comparison of two paths.
///
/// What is at most the dtype's tolerance apart is the same. For what is further apart, the scored
/// side is computed again kPasses times under noise: the largest distance from itself, times
/// kMargin, is allowed as well. If rounding were all that there is, the distance in question would
/// be one more draw like those, and exceed the largest of them by that factor practically never
/// (the figures are in docs/results/quantize.md). Never more than kMost: beyond it the comparison
/// would see no fault.
class PathTolerance {
 public:
  static constexpr int kPasses = 8;
  static constexpr double kMargin = 4;
  static constexpr double kMost = kMostFingerprintTolerance;

  PathTolerance(Model& model, double least) : model_(model), least_(least) {}
  /// Whether `distance` is allowed. `again()` computes the scored side once more and gives its
  /// distance from what it was without noise; it is called only where `distance` exceeds what is
  /// allowed so far.
  bool allows(double distance, const std::function<double()>& again);
  /// The largest distance allowed so far.
  [[nodiscard]] double allowed() const { return std::max(least_, measured_); }

 private:
  Model& model_;
  double least_;
  double measured_ = 0;
};

}  // namespace assay
