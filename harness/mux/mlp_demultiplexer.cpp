#include "harness/mux/mlp_demultiplexer.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/baddbmm.h>
#include <ATen/ops/dropout.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>

namespace assay::mux {

at::Tensor MlpDemultiplexer::split(const at::Tensor& rows) const {
  const std::int64_t n = rows.size(0), count = instances(), width = this->width();
  const auto dropped = [this](const at::Tensor& values) {
    return dropout_ > 0 ? at::dropout(values, dropout_, true) : values;
  };
  // [N, n, width]
  at::Tensor told = at::baddbmm(tensors_.biases.unsqueeze(1), rows.expand({count, n, rows.size(1)}),
                                tensors_.weights.transpose(1, 2));
  told = at::layer_norm(at::gelu(told), {width}, {}, {}, tensors_.norm.eps);
  told = dropped(told * tensors_.norm_scale.unsqueeze(1) + tensors_.norm_shift.unsqueeze(1));
  const at::Tensor in_order = told.transpose(0, 1).reshape({n * count, width});
  return tensors_.norm.forward(at::gelu(tensors_.shared.forward(in_order)));
}

at::Tensor MlpDemultiplexer::one_of(const at::Tensor& rows, const at::Tensor& which) const {
  const at::Tensor first = at::arange(rows.size(0), which.options()) * instances();
  return split(rows).index_select(0, first + which);
}

at::Tensor MlpDemultiplexer::retrieved(const at::Tensor& rows, const at::Tensor& which,
                                       const std::vector<NormBlock>&) const {
  return one_of(rows, which);
}

Cost MlpDemultiplexer::cost() const {
  Cost cost;
  for (const at::Tensor& tensor :
       {tensors_.weights, tensors_.biases, tensors_.norm_scale, tensors_.norm_shift}) {
    cost += tensor_cost(tensor);
  }
  cost.flops_per_token += 2 * tensors_.weights.size(2) * width() + width();
  cost += tensors_.shared.cost();
  cost += tensors_.norm.cost();
  return cost;
}

void MlpDemultiplexer::visit_tensors(const VisitTensor& visit) {
  visit("private.weights", tensors_.weights);
  visit("private.biases", tensors_.biases);
  visit("private.norm_scale", tensors_.norm_scale);
  visit("private.norm_shift", tensors_.norm_shift);
  tensors_.shared.visit_tensors(visit_part(visit, "shared."));
  tensors_.norm.visit_tensors(visit_part(visit, "norm."));
}

void MlpDemultiplexer::select_width(const at::Tensor& dimensions) {
  tensors_.weights = tensors_.weights.index_select(2, dimensions);
}

std::unique_ptr<Demultiplexer> MlpDemultiplexer::share() const {
  return std::make_unique<MlpDemultiplexer>(*this);
}

MlpDemuxTensors start_mlp_demux(std::int64_t instances, std::int64_t width, double deviation,
                                double norm_eps, at::Generator generator) {
  const auto drawn = [&](at::IntArrayRef sizes) {
    return at::empty(sizes, at::kFloat).normal_(0, deviation, generator);
  };
  at::Tensor weights = drawn({instances, width, width});
  return {.weights = std::move(weights),
          .biases = at::zeros({instances, width}),
          .norm_scale = at::ones({instances, width}),
          .norm_shift = at::zeros({instances, width}),
          .shared = DenseLinear(drawn({width, width}), at::zeros({width})),
          .norm = {.eps = norm_eps, .weight = at::ones({width}), .bias = at::zeros({width})}};
}

}  // namespace assay::mux
