#include "harness/subnetwork/judge.h"

#include <ATen/ops/argmax.h>
#include <ATen/ops/kl_div.h>
#include <ATen/ops/log_softmax.h>

#include <algorithm>
#include <cmath>

namespace assay::subnetwork {
namespace {

constexpr std::int64_t kRowsAtOnce = 1024;

/// Calls with each part [begin, begin + count) of the rows.
template <typename Call>
void in_parts(std::int64_t rows, Call call) {
  for (std::int64_t begin = 0; begin < rows; begin += kRowsAtOnce) {
    call(begin, std::min(kRowsAtOnce, rows - begin));
  }
}

double loss_sum(const Model& network, const OutputRows& output) {
  return -network.log_likelihood(output.rows, output.targets).to(at::kDouble).sum().item<double>();
}

double error_count(const Model& network, const OutputRows& output) {
  double wrong = 0;
  in_parts(output.rows.size(0), [&](std::int64_t begin, std::int64_t count) {
    const at::Tensor found = network.logits(output.rows.narrow(0, begin, count)).argmax(1);
    wrong += found.ne(output.targets.narrow(0, begin, count)).sum().item<double>();
  });
  return wrong;
}

at::Tensor log_probabilities(const Model& network, const at::Tensor& rows, std::int64_t begin,
                             std::int64_t count) {
  return at::log_softmax(network.logits(rows.narrow(0, begin, count)).to(at::kFloat), 1);
}

double kl_sum(const Model& full, const at::Tensor& full_rows, const Model& network,
              const at::Tensor& rows) {
  double sum = 0;
  in_parts(rows.size(0), [&](std::int64_t begin, std::int64_t count) {
    const at::Tensor wanted = log_probabilities(full, full_rows, begin, count);
    const at::Tensor found = log_probabilities(network, rows, begin, count);
    sum += at::kl_div(found, wanted, at::Reduction::None, true)
               .sum(1)
               .to(at::kDouble)
               .sum()
               .item<double>();
  });
  return sum;
}

}  // namespace

Judge::Judge(std::unique_ptr<Material> material, const Model& full, QualityMetric metric,
             std::int64_t batch)
    : material_(std::move(material)), full_(full), metric_(metric), batch_(batch) {
  if (metric_ != QualityMetric::kKl) return;
  for (const auto& items : batches(material_->items())) {
    full_rows_.push_back(material_->run(full_, items).rows);
  }
}

std::vector<std::vector<std::int64_t>> Judge::batches(std::int64_t items) const {
  std::vector<std::vector<std::int64_t>> all;
  for (std::int64_t i = 0; i < items; ++i) {
    if (i % batch_ == 0) all.emplace_back();
    all.back().push_back(i);
  }
  return all;
}

Judge::Sum Judge::judge_batch(const Model& network, std::size_t batch,
                              std::span<const std::int64_t> items) const {
  const OutputRows output = material_->run(network, items);
  if (metric_ == QualityMetric::kKl) {
    // The last batch of a part of the items has the first rows of a whole one.
    const at::Tensor full = full_rows_.at(batch).narrow(0, 0, output.rows.size(0));
    return {kl_sum(full_, full, network, output.rows), output.rows.size(0)};
  }
  const double sum =
      metric_ == QualityMetric::kLoss ? loss_sum(network, output) : error_count(network, output);
  return {sum, output.rows.size(0)};
}

double Judge::operator()(const Model& network, double fidelity) const {
  const auto all = static_cast<double>(material_->items());
  const auto items = std::max<std::int64_t>(1, std::llround(std::ceil(fidelity * all - 1e-9)));
  Sum sum;
  std::size_t batch = 0;
  for (const auto& part : batches(items)) {
    const Sum of_batch = judge_batch(network, batch++, part);
    sum.value += of_batch.value;
    sum.rows += of_batch.rows;
  }
  return sum.value / static_cast<double>(sum.rows);
}

}  // namespace assay::subnetwork
