#include "methods/ffsplit/scores.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/argsort.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/isin.h>
#include <ATen/ops/ones.h>

#include <algorithm>
#include <cmath>
#include <tuple>

namespace assay::ffsplit {

at::Tensor score_neurons(ScoreMode mode, const NeuronStatistics& statistics,
                         const at::Tensor& down_norm) {
  switch (mode) {
    case ScoreMode::kNormTimesDown:
      return statistics.norm() * down_norm;
    case ScoreMode::kNorm:
      return statistics.norm();
    case ScoreMode::kMeanAbs:
      return statistics.mean_abs();
    case ScoreMode::kTopFrequency:
      break;
  }
  return statistics.top_frequency();
}

at::Tensor heaviest(const at::Tensor& scores, std::int64_t count) {
  const at::Tensor order = at::argsort(scores, /*stable=*/true, /*dim=*/0, /*descending=*/true);
  return std::get<0>(order.narrow(0, 0, count).sort());
}

at::Tensor all_but(const at::Tensor& chosen, std::int64_t neurons) {
  at::Tensor rest = at::ones({neurons}, at::TensorOptions().dtype(at::kBool));
  rest.index_fill_(0, chosen, false);
  return rest.nonzero().squeeze(1);
}

double jaccard(const at::Tensor& a, const at::Tensor& b) {
  const double both = at::isin(a, b).sum().item<double>();
  const double either = static_cast<double>(a.numel() + b.numel()) - both;
  return either == 0 ? 1 : both / either;
}

std::int64_t aligned_count(double wanted, std::int64_t neurons, std::int64_t align) {
  const auto rounded = static_cast<std::int64_t>(std::llround(wanted));
  return std::min(neurons, (rounded + align - 1) / align * align);
}

std::vector<std::int64_t> global_counts(const std::vector<at::Tensor>& scores, double p,
                                        std::int64_t align) {
  const at::Tensor all = at::cat(scores);
  const auto total = std::llround(p * static_cast<double>(all.numel()));
  const at::Tensor chosen = heaviest(all, total);
  std::vector<std::int64_t> counts;
  std::int64_t first = 0;
  for (const at::Tensor& layer : scores) {
    const std::int64_t end = first + layer.numel();
    const auto within = chosen.ge(first).logical_and(chosen.lt(end)).sum().item<std::int64_t>();
    counts.push_back(aligned_count(static_cast<double>(within), layer.numel(), align));
    first = end;
  }
  return counts;
}

}  // namespace assay::ffsplit
