#include "harness/mux/rev_mux_output.h"

#include <ATen/ops/dropout.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>

namespace assay::mux {
namespace {

constexpr std::int64_t kInner = 3;  ///< widths of the upward projection's inner layers

}  // namespace

at::Tensor RevMuxOutput::features(const at::Tensor& rows) const {
  const auto dropped = [this](const at::Tensor& values) {
    return dropout_ > 0 ? at::dropout(values, dropout_, true) : values;
  };
  at::Tensor told = at::stack(head_.chain->chain().unmix(rows, dropout_), 1).flatten(0, 1);
  for (std::size_t i = 0; i < head_.up.size(); ++i) {
    told = head_.up[i].forward(told);
    if (i + 1 < head_.up.size()) told = at::relu(told);
    told = dropped(told);
  }
  return told;
}

at::Tensor RevMuxOutput::forward(const at::Tensor& rows) const {
  at::Tensor told = features(head_.pooler ? at::tanh(head_.pooler->forward(rows)) : rows);
  if (dropout_ > 0) told = at::dropout(told, dropout_, true);
  return head_.classifier.forward(told);
}

void RevMuxOutput::visit_tensors(const VisitTensor& visit) {
  for (std::size_t i = 0; i < head_.up.size(); ++i) {
    head_.up[i].visit_tensors(visit_part(visit, fmt::format("rev.up.{}.", i)));
  }
  if (head_.pooler) head_.pooler->visit_tensors(visit_part(visit, "pooler."));
  head_.classifier.visit_tensors(visit_part(visit, "head."));
}

Cost RevMuxOutput::cost() const {
  Cost shared;
  if (head_.pooler) shared += head_.pooler->cost();
  shared.flops_per_token += head_.chain->chain().cost().flops_per_token;
  shared.flops_per_token /= head_.chain->chain().instances();
  Cost cost = head_.classifier.cost();
  for (const DenseLinear& linear : head_.up) cost += linear.cost();
  cost += shared;
  return cost;
}

std::unique_ptr<Output> RevMuxOutput::share() const {
  RevMuxHead head = head_;
  head.chain = head_.chain->twin_for_output();
  auto twin = std::make_unique<RevMuxOutput>(std::move(head));
  twin->drop(dropout_);
  return twin;
}

std::vector<DenseLinear> start_up_projection(std::int64_t part, std::int64_t width,
                                             double deviation, at::Generator generator) {
  const std::int64_t sizes[] = {part, kInner * width, kInner * width, width};
  std::vector<DenseLinear> linears;
  for (std::size_t i = 0; i + 1 < std::size(sizes); ++i) {
    at::Tensor weight =
        at::empty({sizes[i + 1], sizes[i]}, at::kFloat).normal_(0, deviation, generator);
    linears.emplace_back(std::move(weight), at::zeros({sizes[i + 1]}));
  }
  return linears;
}

}  // namespace assay::mux
