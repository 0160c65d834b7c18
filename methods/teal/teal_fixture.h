#pragma once
// What the tests of the blocks share: random layers, and products by loops in double precision.

#include <ATen/core/Tensor.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <string>

#include "harness/model/dense_linear.h"
#include "harness/model/step.h"

namespace assay::teal {

inline DenseLinear random_linear(std::int64_t out, std::int64_t in, bool biased,
                                 at::ScalarType dtype) {
  return {at::randn({out, in}).div(std::sqrt(static_cast<double>(in))).to(dtype),
          biased ? at::randn({out}).to(dtype) : at::Tensor()};
}

/// sum over |x_j| > t of x_j W_ij + b_i, f64 [rows, out]
inline at::Tensor naive_product(const at::Tensor& rows, const DenseLinear& linear,
                                double threshold) {
  const at::Tensor x = rows.to(at::kDouble).contiguous();
  const at::Tensor w = linear.weight().to(at::kDouble).contiguous();
  at::Tensor y = at::zeros({x.size(0), w.size(0)}, at::kDouble);
  for (std::int64_t r = 0; r < x.size(0); ++r) {
    for (std::int64_t i = 0; i < w.size(0); ++i) {
      double sum = linear.bias().defined() ? linear.bias()[i].item<double>() : 0;
      for (std::int64_t j = 0; j < x.size(1); ++j) {
        const double value = x.const_data_ptr<double>()[r * x.size(1) + j];
        if (std::abs(value) > threshold) {
          sum += value * w.const_data_ptr<double>()[i * w.size(1) + j];
        }
      }
      y.mutable_data_ptr<double>()[r * w.size(0) + i] = sum;
    }
  }
  return y;
}

/// How many entries exceed the threshold, of each row.
inline std::vector<double> naive_counts(const at::Tensor& rows, double threshold) {
  const at::Tensor x = rows.to(at::kDouble).contiguous();
  std::vector<double> counts(static_cast<std::size_t>(x.size(0)), 0);
  for (std::int64_t i = 0; i < x.numel(); ++i) {
    counts[static_cast<std::size_t>(i / x.size(1))] +=
        std::abs(x.const_data_ptr<double>()[i]) > threshold ? 1 : 0;
  }
  return counts;
}

/// Largest difference over the largest value.
inline double apart(const at::Tensor& value, const at::Tensor& truth) {
  return value.to(at::kDouble).sub(truth).abs().max().item<double>() /
         truth.to(at::kDouble).abs().max().item<double>();
}

inline StepContext scoring() { return {}; }

inline StepContext decoding(std::int64_t batch) {
  StepContext step;
  step.phase = Phase::kDecode;
  step.batch = batch;
  step.tokens = 1;
  return step;
}

/// Sums over everything that blocks tell, by fact and row.
class Told final : public StepObserver {
 public:
  void observe(std::int64_t, const StepFact& fact, const at::Tensor& values) override {
    at::Tensor& sum = sums[fact.name];
    sum = sum.defined() ? sum.add(values.to(at::kDouble)) : values.to(at::kDouble);
    ++times[fact.name];
  }
  [[nodiscard]] double of(const StepFact& fact, std::int64_t row) const {
    return sums.at(fact.name)[row].item<double>();
  }
  std::map<std::string, at::Tensor> sums;
  std::map<std::string, int> times;
};

}  // namespace assay::teal
