#include "harness/contextual/predictor_quality.h"

#include <ATen/Parallel.h>
#include <ATen/ops/topk.h>
#include <ATen/ops/zeros_like.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <span>
#include <stdexcept>
#include <tuple>

#include "harness/base/cell_errors.h"

namespace assay {
namespace {

double ratio(std::int64_t part, std::int64_t all) {
  if (all == 0) return std::numeric_limits<double>::quiet_NaN();
  return static_cast<double>(part) / static_cast<double>(all);
}

void require_scores(const at::Tensor& scores, const at::Tensor& labels) {
  if (scores.dim() != 2 || scores.sizes() != labels.sizes()) {
    throw std::logic_error("scores and labels of different shapes");
  }
  const auto unknown = scores.isnan().sum().item<std::int64_t>();
  if (unknown == 0) return;
  throw NonFiniteValue("predictor_scores",
                       fmt::format("{} of {} predicted scores are NaN", unknown, scores.numel()));
}

PredictionHits count(const at::Tensor& predicted, const at::Tensor& labels) {
  const at::Tensor wanted = labels.to(at::kBool);
  return {.rows = labels.size(0),
          .positives = wanted.sum().item<std::int64_t>(),
          .predicted = predicted.sum().item<std::int64_t>(),
          .hits = predicted.logical_and(wanted).sum().item<std::int64_t>()};
}

/// From 1; equal values share the mean of theirs.
std::vector<double> ranks_of(std::span<const float> values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  std::vector<double> ranks(values.size());
  for (std::size_t begin = 0; begin < order.size();) {
    std::size_t end = begin + 1;
    while (end < order.size() && values[order[end]] == values[order[begin]]) ++end;
    const double shared = static_cast<double>(begin + 1 + end) / 2;
    for (; begin < end; ++begin) ranks[order[begin]] = shared;
  }
  return ranks;
}

/// Pearson's correlation of ranks, whose mean is (n + 1) / 2.
double correlation(const std::vector<double>& a, const std::vector<double>& b) {
  const double mean = (static_cast<double>(a.size()) + 1) / 2;
  double ab = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    ab += (a[i] - mean) * (b[i] - mean);
    aa += (a[i] - mean) * (a[i] - mean);
    bb += (b[i] - mean) * (b[i] - mean);
  }
  return ab / std::sqrt(aa * bb);
}

enum class Sample { kUsable, kConstant, kNotFinite };

bool constant(std::span<const float> values) {
  return std::all_of(values.begin(), values.end(), [&](float v) { return v == values.front(); });
}

Sample kind_of(std::span<const float> found, std::span<const float> wanted) {
  const auto unknown = [](float value) { return std::isnan(value); };
  if (std::any_of(found.begin(), found.end(), unknown) ||
      std::any_of(wanted.begin(), wanted.end(), unknown)) {
    return Sample::kNotFinite;
  }
  return constant(found) || constant(wanted) ? Sample::kConstant : Sample::kUsable;
}

/// f32 on the CPU, by rows.
class Rows {
 public:
  explicit Rows(const at::Tensor& tensor) : tensor_(tensor.cpu().to(at::kFloat).contiguous()) {}
  [[nodiscard]] std::span<const float> operator[](std::int64_t row) const {
    const std::int64_t width = tensor_.size(1);
    return {tensor_.const_data_ptr<float>() + row * width, static_cast<std::size_t>(width)};
  }

 private:
  at::Tensor tensor_;
};

void add_up(RankCorrelation& all, const std::vector<Sample>& kinds) {
  double sum = 0;
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    all.constant += kinds[i] == Sample::kConstant ? 1 : 0;
    all.not_finite += kinds[i] == Sample::kNotFinite ? 1 : 0;
    if (kinds[i] != Sample::kUsable) continue;
    ++all.samples;
    sum += all.each[i];
  }
  if (all.samples > 0) all.mean = sum / static_cast<double>(all.samples);
}

}  // namespace

double PredictionHits::recall() const { return ratio(hits, positives); }
double PredictionHits::precision() const { return ratio(hits, predicted); }
double PredictionHits::predicted_a_row() const { return ratio(predicted, rows); }

PredictionHits& PredictionHits::operator+=(const PredictionHits& other) {
  rows += other.rows;
  positives += other.positives;
  predicted += other.predicted;
  hits += other.hits;
  return *this;
}

PredictionHits hits_at_threshold(const at::Tensor& scores, const at::Tensor& labels,
                                 double threshold) {
  require_scores(scores, labels);
  return count(scores.ge(threshold), labels);
}

PredictionHits hits_at_k(const at::Tensor& scores, const at::Tensor& labels, std::int64_t k) {
  require_scores(scores, labels);
  if (k < 0 || k > scores.size(1)) {
    throw std::logic_error("more predictions a row than there are outputs");
  }
  const at::Tensor where = std::get<1>(at::topk(scores, k, 1));
  const at::Tensor none = at::zeros_like(scores, scores.options().dtype(at::kBool));
  return count(none.scatter(1, where, 1), labels);
}

RankCorrelation rank_correlation(const at::Tensor& found, const at::Tensor& wanted) {
  if (found.dim() != 2 || found.sizes() != wanted.sizes()) {
    throw std::logic_error("rank correlation of scores of different shapes");
  }
  const Rows left(found), right(wanted);
  const auto samples = static_cast<std::size_t>(found.size(0));
  RankCorrelation all;
  all.each.assign(samples, std::numeric_limits<double>::quiet_NaN());
  std::vector<Sample> kinds(samples);
  at::parallel_for(0, found.size(0), 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const auto i = static_cast<std::size_t>(row);
      kinds[i] = kind_of(left[row], right[row]);
      if (kinds[i] != Sample::kUsable) continue;
      all.each[i] = correlation(ranks_of(left[row]), ranks_of(right[row]));
    }
  });
  add_up(all, kinds);
  return all;
}

}  // namespace assay
