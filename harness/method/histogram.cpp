#include "harness/method/histogram.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace assay {
namespace {

/// Relative to the sum of squares; less spread than this is rounding.
constexpr double kNoSpread = 1e-12;

/// Moments about the means.
struct Centred {
  explicit Centred(const Moments& m)
      : zz(m.zz - m.z * m.z / m.n), ss(m.ss - m.s * m.s / m.n), zs(m.zs - m.z * m.s / m.n) {}
  double zz, ss, zs;
};

/// Samples of one neuron side by side.
at::Tensor by_neuron(const at::Tensor& rows, const BinScale& scale) {
  if (rows.dim() != 2 || rows.size(1) != scale.neurons()) {
    throw std::logic_error("a histogram was given rows of another width");
  }
  return rows.to(at::kFloat).t().contiguous();
}

}  // namespace

void Moments::add(double pre, double post) {
  n += 1;
  z += pre;
  zz += pre * pre;
  s += post;
  ss += post * post;
  zs += pre * post;
}

Moments& Moments::operator+=(const Moments& other) {
  n += other.n;
  z += other.z;
  zz += other.zz;
  s += other.s;
  ss += other.ss;
  zs += other.zs;
  return *this;
}

Moments& Moments::operator-=(const Moments& other) {
  n -= other.n;
  z -= other.z;
  zz -= other.zz;
  s -= other.s;
  ss -= other.ss;
  zs -= other.zs;
  return *this;
}

Line Moments::line() const {
  if (n <= 0) return {};
  const Centred about(*this);
  Line line;
  if (about.zz > kNoSpread * zz) line.slope = about.zs / about.zz;
  line.intercept = (s - line.slope * z) / n;
  return line;
}

double Moments::error(const Line& line) const {
  if (n <= 0) return 0;
  const Centred about(*this);
  const double offset = (s - line.slope * z) / n - line.intercept;
  return std::max(0.0, about.ss - 2 * line.slope * about.zs + line.slope * line.slope * about.zz) +
         n * offset * offset;
}

double Moments::least_error() const {
  if (n <= 0) return 0;
  const Centred about(*this);
  if (about.zz <= kNoSpread * zz) return std::max(0.0, about.ss);
  return std::max(0.0, about.ss - about.zs * about.zs / about.zz);
}

BinScale::BinScale(const at::Tensor& low, const at::Tensor& high, std::int64_t bins) : bins_(bins) {
  if (bins < 1 || low.numel() != high.numel()) throw std::logic_error("no such bins");
  const at::Tensor from = low.to(at::kFloat).contiguous(), to = high.to(at::kFloat).contiguous();
  for (std::int64_t j = 0; j < from.numel(); ++j) {
    const double begin = from.const_data_ptr<float>()[j], end = to.const_data_ptr<float>()[j];
    const double width = std::max(0.0, end - begin) / static_cast<double>(bins);
    low_.push_back(begin);
    width_.push_back(width);
    inverse_width_.push_back(width > 0 ? 1 / width : 0);
  }
}

ResponseHistogram::ResponseHistogram(BinScale scale)
    : scale_(std::move(scale)),
      sums_(static_cast<std::size_t>(scale_.neurons() * (scale_.bins() + 1))) {}

void ResponseHistogram::add(const at::Tensor& pre, const at::Tensor& post) {
  const at::Tensor z = by_neuron(pre, scale_), s = by_neuron(post, scale_);
  const std::int64_t rows = z.size(1);
  for (std::int64_t j = 0; j < scale_.neurons(); ++j) {
    const float* from = z.const_data_ptr<float>() + j * rows;
    const float* to = s.const_data_ptr<float>() + j * rows;
    Moments* bins = &sums_[at(j, 1)];
    for (std::int64_t i = 0; i < rows; ++i) bins[scale_.bin(j, from[i])].add(from[i], to[i]);
  }
}

void ResponseHistogram::accumulate() {
  for (std::int64_t j = 0; j < scale_.neurons(); ++j) {
    for (std::int64_t b = 0; b < scale_.bins(); ++b) sums_[at(j, b + 1)] += sums_[at(j, b)];
  }
}

Moments ResponseHistogram::moments(std::int64_t neuron, std::int64_t first,
                                   std::int64_t last) const {
  Moments result = sums_[at(neuron, last)];
  result -= sums_[at(neuron, first)];
  return result;
}

CountHistogram::CountHistogram(BinScale scale)
    : scale_(std::move(scale)),
      sums_(static_cast<std::size_t>(scale_.neurons() * (scale_.bins() + 1))) {}

void CountHistogram::add(const at::Tensor& values) {
  const at::Tensor v = by_neuron(values, scale_);
  const std::int64_t rows = v.size(1);
  for (std::int64_t j = 0; j < scale_.neurons(); ++j) {
    const float* value = v.const_data_ptr<float>() + j * rows;
    float* bins = &sums_[static_cast<std::size_t>(j * (scale_.bins() + 1) + 1)];
    for (std::int64_t i = 0; i < rows; ++i) bins[scale_.bin(j, value[i])] += 1;
  }
}

void CountHistogram::accumulate() {
  for (std::int64_t j = 0; j < scale_.neurons(); ++j) {
    float* sums = &sums_[static_cast<std::size_t>(j * (scale_.bins() + 1))];
    for (std::int64_t b = 0; b < scale_.bins(); ++b) sums[b + 1] += sums[b];
  }
}

double CountHistogram::share_below(std::int64_t neuron, double value) const {
  const float* sums = &sums_[static_cast<std::size_t>(neuron * (scale_.bins() + 1))];
  const double all = sums[scale_.bins()];
  if (all <= 0) return 0;
  const double place =
      std::clamp(scale_.place(neuron, value), 0.0, static_cast<double>(scale_.bins()));
  const std::int64_t bin = std::min(static_cast<std::int64_t>(place), scale_.bins() - 1);
  const double part = place - static_cast<double>(bin);
  return (sums[bin] + part * (sums[bin + 1] - sums[bin])) / all;
}

}  // namespace assay
