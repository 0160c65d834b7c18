#include "harness/model/outputs.h"

#include <ATen/ops/dropout.h>
#include <ATen/ops/tanh.h>

#include <utility>

#include "harness/model/kernels/gradients.h"
#include "harness/model/kernels/head_torch.h"
#include "harness/model/kernels/rowwise_torch.h"

namespace assay {

VocabularyHead::VocabularyHead(std::optional<DenseLinear> project_out, DenseLinear head, bool tied,
                               const LogitForm& form)
    : project_out_(std::move(project_out)), head_(std::move(head)), tied_(tied), form_(form) {}

at::Tensor VocabularyHead::projected(const at::Tensor& rows) const {
  return project_out_ ? project_out_->forward(rows) : rows;
}

at::Tensor VocabularyHead::forward(const at::Tensor& rows) const {
  return formed_logits(head_.forward(projected(rows)), form_);
}

at::Tensor VocabularyHead::log_likelihood(const at::Tensor& rows, const at::Tensor& targets) const {
  const at::Tensor last = projected(rows);
  if (!cpu_kernels_apply(last) || !cpu_kernels_apply(head_.weight()) ||
      needs_gradient(head_.bias())) {
    return Output::log_likelihood(rows, targets);
  }
  return head_log_likelihood(last, head_.weight(), head_.bias(), targets.contiguous(), form_);
}

void VocabularyHead::select_width(const at::Tensor& dimensions) {
  DenseLinear& reads = project_out_ ? *project_out_ : head_;
  reads = columns_of(reads, dimensions);
}

void VocabularyHead::visit_tensors(const VisitTensor& visit) {
  if (project_out_) project_out_->visit_tensors(visit_part(visit, "project_out."));
  head_.visit_tensors(visit_part(visit, "head."));
}

Cost VocabularyHead::cost() const {
  Cost cost = head_.cost();
  if (tied_) {
    const Cost stored = tensor_cost(head_.weight());
    cost.params -= stored.params;
    cost.nonzero -= stored.nonzero;
    cost.resident_bytes -= stored.resident_bytes;
  }
  if (project_out_) cost += project_out_->cost();
  return cost;
}

std::unique_ptr<Output> VocabularyHead::share() const {
  return std::make_unique<VocabularyHead>(*this);
}

Classifier::Classifier(std::optional<DenseLinear> pooler, std::optional<DenseLinear> classifier,
                       std::int64_t width)
    : pooler_(std::move(pooler)), classifier_(std::move(classifier)), width_(width) {}

at::Tensor Classifier::forward(const at::Tensor& rows) const {
  at::Tensor pooled = pooler_ ? at::tanh(pooler_->forward(rows)) : rows;
  if (dropout_ > 0) pooled = at::dropout(pooled, dropout_, true);
  return classifier_ ? classifier_->forward(pooled) : pooled;
}

std::int64_t Classifier::outputs() const {
  if (classifier_) return classifier_->out_features();
  return pooler_ ? pooler_->out_features() : width_;
}

void Classifier::select_width(const at::Tensor& dimensions) {
  width_ = dimensions.size(0);
  std::optional<DenseLinear>& reads = pooler_ ? pooler_ : classifier_;
  if (reads) reads = columns_of(*reads, dimensions);
}

void Classifier::visit_tensors(const VisitTensor& visit) {
  if (pooler_) pooler_->visit_tensors(visit_part(visit, "pooler."));
  if (classifier_) classifier_->visit_tensors(visit_part(visit, "head."));
}

Cost Classifier::cost() const {
  Cost cost;
  for (const auto* block : {&pooler_, &classifier_}) {
    if (*block) cost += (*block)->cost();
  }
  return cost;
}

std::unique_ptr<Output> Classifier::share() const { return std::make_unique<Classifier>(*this); }

}  // namespace assay
