#include "harness/mux/retrieval.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/nonzero.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>

namespace assay::mux {

RetrievalTensors start_retrieval(std::int64_t norms, std::int64_t width, std::int64_t vocab,
                                 double norm_eps) {
  RetrievalTensors tensors{.norms = {}, .bias = at::zeros({vocab}), .own = nullptr};
  for (std::int64_t i = 0; i < norms; ++i) {
    tensors.norms.push_back(
        {.eps = norm_eps, .weight = at::ones({width}), .bias = at::zeros({width})});
  }
  return tensors;
}

void visit_tensors(RetrievalTensors& tensors, const VisitTensor& visit) {
  for (std::size_t i = 0; i < tensors.norms.size(); ++i) {
    tensors.norms[i].visit_tensors(visit_part(visit, fmt::format("retrieval.norm.{}.", i)));
  }
  visit("retrieval.bias", tensors.bias);
  if (tensors.own) tensors.own->visit_tensors(visit_part(visit, "retrieval.demux."));
}

at::Tensor retrieval_scores(const Demultiplexer& demultiplexer, const RetrievalTensors& tensors,
                            const at::Tensor& table, const at::Tensor& rows,
                            const at::Tensor& which) {
  const Demultiplexer& asked = tensors.own ? *tensors.own : demultiplexer;
  return at::linear(asked.retrieved(rows, which, tensors.norms), table, tensors.bias);
}

RetrievalQuestions draw_questions(const at::Tensor& tokens, std::int64_t pad_token, double share,
                                  std::int64_t skipped) {
  const at::Tensor local = tokens.cpu();
  const std::int64_t groups = local.size(0), count = local.size(1), length = local.size(2);
  const at::Tensor which = at::randint(count, {groups, 1, length}, at::kLong);
  const at::Tensor targets = local.gather(1, which).view(-1);
  at::Tensor asked = at::rand({groups * length}).lt(share) & targets.ne(pad_token);
  asked.view({groups, length}).narrow(1, 0, skipped).fill_(false);
  const at::Tensor rows = at::nonzero(asked).view(-1);
  const auto there = [&](const at::Tensor& values) {
    return values.view(-1).index_select(0, rows).to(tokens.device());
  };
  return {rows.to(tokens.device()), there(which), there(targets)};
}

}  // namespace assay::mux
