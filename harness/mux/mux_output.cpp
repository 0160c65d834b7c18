#include "harness/mux/mux_output.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/dropout.h>
#include <ATen/ops/roll.h>

namespace assay::mux {

namespace {

/// scores [sequences * N, outputs] of groups in which copy j of sequence i is instance j of group i
/// + j -> [sequences, outputs], the mean over the copies.
at::Tensor mean_of_copies(const at::Tensor& scores, std::int64_t instances) {
  const at::Tensor grouped = scores.view({-1, instances, scores.size(1)});
  at::Tensor sum = grouped.select(1, 0);
  for (std::int64_t j = 1; j < instances; ++j) sum = sum + at::roll(grouped.select(1, j), -j, 0);
  return sum / instances;
}

}  // namespace

at::Tensor MuxClassifier::forward(const at::Tensor& rows) const {
  at::Tensor apart = demultiplexer_->split(rows);
  if (dropout_ > 0) apart = at::dropout(apart, dropout_, true);
  if (classifier_) apart = classifier_->forward(apart);
  return ensemble_ ? mean_of_copies(apart, demultiplexer_->instances()) : apart;
}

void MuxClassifier::drop(double share) {
  dropout_ = share;
  demultiplexer_->drop(share);
}

void MuxClassifier::visit_tensors(const VisitTensor& visit) {
  demultiplexer_->visit_tensors(visit_part(visit, "demux."));
  if (classifier_) classifier_->visit_tensors(visit_part(visit, "head."));
}

Cost MuxClassifier::cost() const {
  Cost cost = demultiplexer_->cost();
  if (classifier_) cost += classifier_->cost();
  return cost;
}

std::unique_ptr<Output> MuxClassifier::share() const {
  auto twin = std::make_unique<MuxClassifier>(demultiplexer_->share(), classifier_, ensemble_);
  twin->drop(dropout_);
  return twin;
}

}  // namespace assay::mux
