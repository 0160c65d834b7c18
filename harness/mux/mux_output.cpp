#include "harness/mux/mux_output.h"

#include <ATen/ops/dropout.h>

namespace assay::mux {

at::Tensor MuxClassifier::forward(const at::Tensor& rows) const {
  at::Tensor apart = demultiplexer_->split(rows);
  if (dropout_ > 0) apart = at::dropout(apart, dropout_, true);
  return classifier_ ? classifier_->forward(apart) : apart;
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
  auto twin = std::make_unique<MuxClassifier>(demultiplexer_->share(), classifier_);
  twin->drop(dropout_);
  return twin;
}

}  // namespace assay::mux
