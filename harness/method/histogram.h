#pragma once
// How neurons respond to their pre-activations: one histogram a neuron whose bins keep moments, so
// that the least-squares line through any range of bins, and its error, cost a few operations.

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace assay {

/// s ~ slope * z + intercept.
struct Line {
  double slope = 0, intercept = 0;
};

/// Sums over samples (z, s): a pre-activation and what the activation function makes of it.
struct Moments {
  double n = 0, z = 0, zz = 0, s = 0, ss = 0, zs = 0;

  void add(double pre, double post);
  Moments& operator+=(const Moments& other);
  Moments& operator-=(const Moments& other);
  /// Least squares. Through samples without spread in z, or none: slope 0 through their mean.
  [[nodiscard]] Line line() const;
  /// Sum of (s - slope z - intercept)^2, never below 0.
  [[nodiscard]] double error(const Line& line) const;
  /// error(line()), cheaper.
  [[nodiscard]] double least_error() const;
};

/// Equal bins between `low` and `high`, one scale a neuron. Values beyond go to the end bins.
class BinScale {
 public:
  /// low, high f32 [neurons] on the CPU, finite.
  BinScale(const at::Tensor& low, const at::Tensor& high, std::int64_t bins);
  [[nodiscard]] std::int64_t neurons() const { return static_cast<std::int64_t>(low_.size()); }
  [[nodiscard]] std::int64_t bins() const { return bins_; }
  [[nodiscard]] std::int64_t bin(std::int64_t neuron, double value) const {
    const double place = this->place(neuron, value);
    if (!(place > 0)) return 0;
    return place < static_cast<double>(bins_) ? static_cast<std::int64_t>(place) : bins_ - 1;
  }
  /// In bins from the low end: 2.5 is the middle of the third bin.
  [[nodiscard]] double place(std::int64_t neuron, double value) const {
    const auto j = static_cast<std::size_t>(neuron);
    return (value - low_[j]) * inverse_width_[j];
  }
  /// Lower edge of bin `index`; index == bins gives the upper end.
  [[nodiscard]] double edge(std::int64_t neuron, std::int64_t index) const {
    const auto j = static_cast<std::size_t>(neuron);
    return low_[j] + width_[j] * static_cast<double>(index);
  }

 private:
  std::int64_t bins_;
  std::vector<double> low_, width_, inverse_width_;
};

/// Moments of (z, s) by bins of z. Memory: neurons * bins * 48 bytes, so one layer at a time.
class ResponseHistogram {
 public:
  explicit ResponseHistogram(BinScale scale);
  /// pre, post f32 [rows, neurons] on the CPU.
  void add(const at::Tensor& pre, const at::Tensor& post);
  /// Turns bins into sums from the low end; call once, after the last add().
  void accumulate();
  /// Of bins [first, last). Only after accumulate().
  [[nodiscard]] Moments moments(std::int64_t neuron, std::int64_t first, std::int64_t last) const;
  /// Samples in bins [first, last). Only after accumulate().
  [[nodiscard]] double count(std::int64_t neuron, std::int64_t first, std::int64_t last) const {
    return sums_[at(neuron, last)].n - sums_[at(neuron, first)].n;
  }
  [[nodiscard]] const BinScale& scale() const { return scale_; }

 private:
  [[nodiscard]] std::size_t at(std::int64_t neuron, std::int64_t bin) const {
    return static_cast<std::size_t>(neuron * (scale_.bins() + 1) + bin);
  }
  BinScale scale_;
  std::vector<Moments> sums_;  ///< [neurons][bins + 1]; bin b at b + 1, so that sums start with 0
};

/// Plain counts on the same bins.
class CountHistogram {
 public:
  explicit CountHistogram(BinScale scale);
  /// values f32 [rows, neurons] on the CPU.
  void add(const at::Tensor& values);
  /// Turns bins into sums from the low end; call once, after the last add().
  void accumulate();
  /// Share of the values below `value`, linear within a bin. Only after accumulate().
  [[nodiscard]] double share_below(std::int64_t neuron, double value) const;

 private:
  BinScale scale_;
  std::vector<float> sums_;  ///< [neurons][bins + 1]
};

}  // namespace assay
