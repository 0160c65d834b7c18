#pragma once
// What FLAP's tests share: the method, and its statistics as plain loops.

#include <cmath>
#include <map>
#include <utility>
#include <vector>

#include "harness/method/recording_context.h"

namespace assay {
void register_flap(MethodRegistry& registry);

namespace flap {

using Numbers = std::vector<double>;

inline const Method& method() { return sole_method(register_flap); }

inline Params params(const Json& given) { return {method().info().params, given}; }

/// All rows of every tap of a whole pass.
class WholePass final : public ActivationRecorder {
 public:
  void record(std::int64_t layer, Tap tap, const at::Tensor& rows, const StepContext&) override {
    rows_[{layer, tap}] = rows.to(at::kFloat).contiguous().clone();
  }
  [[nodiscard]] const at::Tensor& of(std::int64_t layer, Slot reader) const {
    return rows_.at({layer, input_tap(reader)});
  }

 private:
  std::map<std::pair<std::int64_t, Tap>, at::Tensor> rows_;
};

inline Numbers naive_mean(const at::Tensor& rows) {
  Numbers mean(static_cast<std::size_t>(rows.size(1)));
  for (std::size_t c = 0; c < mean.size(); ++c) {
    for (std::int64_t r = 0; r < rows.size(0); ++r) {
      mean[c] += rows[r][static_cast<std::int64_t>(c)].item<float>();
    }
    mean[c] /= static_cast<double>(rows.size(0));
  }
  return mean;
}

/// Variance times the squared norm of the column.
inline Numbers naive_fluctuation(const at::Tensor& rows, const at::Tensor& weight) {
  Numbers metric = naive_mean(rows);
  for (std::size_t c = 0; c < metric.size(); ++c) {
    const auto column = static_cast<std::int64_t>(c);
    double variance = 0, norm = 0;
    for (std::int64_t r = 0; r < rows.size(0); ++r) {
      variance += std::pow(rows[r][column].item<float>() - metric[c], 2);
    }
    for (std::int64_t o = 0; o < weight.size(0); ++o) {
      norm += std::pow(weight[o][column].item<float>(), 2);
    }
    metric[c] = variance / static_cast<double>(rows.size(0)) * norm;
  }
  return metric;
}

/// Standardised, then averaged over `each` channels.
inline Numbers naive_scores(const Numbers& metric, std::size_t each) {
  const auto count = static_cast<double>(metric.size());
  double mean = 0, square = 0;
  for (const double x : metric) mean += x / count;
  for (const double x : metric) square += (x - mean) * (x - mean) / (count - 1);
  Numbers scores(metric.size() / each);
  for (std::size_t c = 0; c < metric.size(); ++c) {
    scores[c / each] += (metric[c] - mean) / std::sqrt(square) / static_cast<double>(each);
  }
  return scores;
}

}  // namespace flap
}  // namespace assay
