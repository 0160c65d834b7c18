#include "harness/model/embedding_input.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/index_select.h>

#include <string>
#include <utility>

#include "harness/base/cell_errors.h"
#include "harness/model/kernels/gradients.h"

namespace assay {
namespace {

at::Tensor plus(at::Tensor rows, const at::Tensor& more) {
  return needs_gradient(rows, more) ? rows.add(more) : rows.add_(more);
}

}  // namespace

at::Tensor EmbeddingInput::embedded(const at::Tensor& tokens) const {
  at::Tensor rows = at::index_select(tensors_.tokens, 0, tokens);
  if (tensors_.scale == 1) return rows;
  return rows.mul(tensors_.scale);
}

at::Tensor EmbeddingInput::forward(const at::Tensor& tokens, StepContext& step) const {
  const EmbeddingTensors& t = tensors_;
  at::Tensor rows = embedded(tokens);
  if (t.project_in) rows = t.project_in->forward(rows);
  return placed(std::move(rows), step);
}

at::Tensor EmbeddingInput::placed(at::Tensor rows, const StepContext& step) const {
  const EmbeddingTensors& t = tensors_;
  // In the order in which BERT's code adds them: rounding depends on it.
  if (t.token_types.defined()) {
    rows = step.token_types.defined()
               ? plus(rows, at::index_select(t.token_types, 0, step.token_types))
               : plus(rows, t.token_types[0]);
  }
  if (t.positions.defined()) {
    const at::Tensor places =
        t.positions.narrow(0, t.position_offset, t.positions.size(0) - t.position_offset);
    rows = plus(rows, at::index_select(places, 0, step.positions));
  }
  return t.norm.forward(rows);
}

void EmbeddingInput::select_width(const at::Tensor& dimensions) {
  EmbeddingTensors& t = tensors_;
  if (t.project_in) {
    t.project_in = rows_of(*t.project_in, dimensions);
  } else {
    t.tokens = selected(t.tokens, 1, dimensions);
  }
  t.positions = selected(t.positions, 1, dimensions);
  t.token_types = selected(t.token_types, 1, dimensions);
  t.norm.weight = selected(t.norm.weight, 0, dimensions);
  t.norm.bias = selected(t.norm.bias, 0, dimensions);
}

void EmbeddingInput::scale_width(const at::Tensor& factors) {
  if (tensors_.project_in) {
    throw DoesNotApply("tokens of this model are projected into its width, which is not scaled");
  }
  visit_tensors([&](const std::string&, at::Tensor& tensor) { tensor = tensor * factors; });
}

void EmbeddingInput::visit_tensors(const VisitTensor& visit) {
  visit("embedding.weight", tensors_.tokens);
  visit_if_defined(visit, "positions.weight", tensors_.positions);
  visit_if_defined(visit, "token_types.weight", tensors_.token_types);
  if (tensors_.project_in) tensors_.project_in->visit_tensors(visit_part(visit, "project_in."));
  tensors_.norm.visit_tensors(visit_part(visit, "embedding_norm."));
}

Cost EmbeddingInput::cost() const {
  Cost cost = lookup_cost(tensors_.tokens);
  cost += lookup_cost(tensors_.positions);
  cost += lookup_cost(tensors_.token_types);
  if (tensors_.project_in) cost += tensors_.project_in->cost();
  cost += tensors_.norm.cost();
  return cost;
}

std::unique_ptr<Input> EmbeddingInput::share() const {
  return std::make_unique<EmbeddingInput>(*this);
}

}  // namespace assay
