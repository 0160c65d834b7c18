#pragma once
// Least squares of y ~ x W^T + b from streamed rows.

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace assay {

/// f64.
struct AffineMap {
  at::Tensor weight;  ///< [out, in]
  at::Tensor bias;    ///< [out]
};

/// Sums from which the map and its error on these rows come, in f64: (in + out) in + 1 numbers,
/// however many rows there are.
class AffineMoments {
 public:
  /// x [n, in], y [n, out]
  void add(const at::Tensor& x, const at::Tensor& y);
  [[nodiscard]] std::int64_t rows() const { return rows_; }
  /// Least squares of [x, 1] -> y with damping * mean(diag Cov x) on the diagonal; the constant is
  /// not damped. Where the factorisation fails the damping grows tenfold; `used` gets the one that
  /// worked. Throws UserError when none up to 10 does, or when the sums are not finite.
  [[nodiscard]] AffineMap solve(double damping, double& used) const;
  /// Mean squared error of a map over these rows, over the variance of y. 0 where y is constant.
  [[nodiscard]] double normalised_error(const AffineMap& map) const;

 private:
  std::int64_t rows_ = 0;
  at::Tensor x_, y_, xx_, xy_;  ///< sums; xx [in, in], xy [in, out]
  at::Tensor yy_;               ///< sum of y^2 over rows and channels
};

}  // namespace assay
