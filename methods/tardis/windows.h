#pragma once
// Hot windows of one neuron: for each coverage the range of pre-activations with the smallest
// least-squares error that still holds that share of the samples.

#include <optional>
#include <vector>

#include "harness/method/histogram.h"

namespace assay {

/// One way to treat a neuron: a line inside a window, the original computation outside.
struct WindowOption {
  float low = 0, high = 0;            ///< the window
  float safe_low = 0, safe_high = 0;  ///< what the prediction must lie in for the line to be used
  float slope = 0, intercept = 0;
  double error = 0;     ///< weighted squared error a token that the line leaves inside the window
  double fallback = 0;  ///< share of tokens whose prediction is not in [safe_low, safe_high]
};

/// Bins [first, last).
struct BinRange {
  std::int64_t first = 0, last = 0;
};

/// The contiguous bins with at least `coverage` of the samples and the smallest error of their own
/// line. Every extension of a range only adds error, so each first bin has one candidate.
BinRange best_window(const ResponseHistogram& histogram, std::int64_t neuron, double coverage);

/// What was learnt of one layer.
struct LayerResponse {
  ResponseHistogram pre;      ///< accumulated; bins of the true pre-activation
  CountHistogram prediction;  ///< accumulated; on the same bins
  std::vector<double> guard;  ///< margin a neuron, kappa * std(prediction - z)
  std::vector<double> scale;  ///< factor a neuron from squared error of s to error of the output
};

/// All options of a neuron: coverages 1.00, 0.99 ... 0.50, and last "always exact". A window's
/// inner edges are drawn in by the guard; at the ends of what calibration saw there is nothing to
/// miss, and the guard widens.
std::vector<WindowOption> window_options(const LayerResponse& response, std::int64_t neuron);

/// Number of options that window_options() gives.
inline constexpr std::size_t kWindowOptions = 52;

}  // namespace assay
