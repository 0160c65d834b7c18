#include "harness/mux/demultiplexer.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/dropout.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>

namespace assay::mux {

at::Tensor IndexDemultiplexer::split(const at::Tensor& rows) const {
  const std::int64_t n = rows.size(0), count = instances(), width = rows.size(1);
  const at::Tensor keys = tensors_.keys.unsqueeze(0).expand({n, count, width});
  const at::Tensor mixed = rows.unsqueeze(1).expand({n, count, width});
  return told_apart(at::cat({keys, mixed}, 2).view({n * count, 2 * width}));
}

at::Tensor IndexDemultiplexer::one_of(const at::Tensor& rows, const at::Tensor& which) const {
  return told_apart(at::cat({tensors_.keys.index_select(0, which), rows}, 1));
}

at::Tensor IndexDemultiplexer::retrieved(const at::Tensor& rows, const at::Tensor& which,
                                         const std::vector<NormBlock>& norms) const {
  at::Tensor told = at::cat({tensors_.keys.index_select(0, which), rows}, 1);
  for (std::size_t i = 0; i < tensors_.dense.size(); ++i) {
    const bool last = i + 1 == tensors_.dense.size();
    const NormBlock& norm = last ? tensors_.norm : norms[i];
    told = norm.forward(at::gelu(tensors_.dense[i].forward(told)));
  }
  return told;
}

at::Tensor IndexDemultiplexer::told_apart(const at::Tensor& features) const {
  const auto dropped = [this](const at::Tensor& rows) {
    return dropout_ > 0 ? at::dropout(rows, dropout_, true) : rows;
  };
  const std::vector<DenseLinear>& dense = tensors_.dense;
  at::Tensor rows = dropped(at::gelu(dense.front().forward(features)));
  for (std::size_t i = 1; i + 1 < dense.size(); ++i) {
    rows = rows + dropped(at::gelu(dense[i].forward(rows)));
  }
  return tensors_.norm.forward(at::gelu(dense.back().forward(rows))) + rows;
}

Cost IndexDemultiplexer::cost() const {
  Cost cost = tensor_cost(tensors_.keys);
  for (const DenseLinear& linear : tensors_.dense) cost += linear.cost();
  cost += tensors_.norm.cost();
  return cost;
}

void IndexDemultiplexer::visit_tensors(const VisitTensor& visit) {
  visit("keys", tensors_.keys);
  for (std::size_t i = 0; i < tensors_.dense.size(); ++i) {
    tensors_.dense[i].visit_tensors(visit_part(visit, fmt::format("dense.{}.", i)));
  }
  tensors_.norm.visit_tensors(visit_part(visit, "norm."));
}

void IndexDemultiplexer::select_width(const at::Tensor& dimensions) {
  const std::int64_t width = tensors_.keys.size(1);
  tensors_.keys = tensors_.keys.index_select(1, dimensions);
  DenseLinear& first = tensors_.dense.front();
  first = columns_of(first, at::cat({dimensions, dimensions + width}));
}

void IndexDemultiplexer::scale_width(const at::Tensor& factors) {
  tensors_.keys = tensors_.keys * factors;
}

std::unique_ptr<Demultiplexer> IndexDemultiplexer::share() const {
  return std::make_unique<IndexDemultiplexer>(*this);
}

IndexDemuxTensors start_index_demux(std::int64_t instances, std::int64_t width,
                                    std::int64_t linears, double deviation, double norm_eps,
                                    at::Generator generator) {
  const auto drawn = [&](at::IntArrayRef sizes, double spread) {
    return at::empty(sizes, at::kFloat).normal_(0, spread, generator);
  };
  IndexDemuxTensors tensors{.keys = drawn({instances, width}, 1), .dense = {}, .norm = {}};
  for (std::int64_t i = 0; i < linears; ++i) {
    const std::int64_t in = i == 0 ? 2 * width : width;
    tensors.dense.emplace_back(drawn({width, in}, deviation), at::zeros({width}));
  }
  tensors.norm = {.eps = norm_eps, .weight = at::ones({width}), .bias = at::zeros({width})};
  return tensors;
}

}  // namespace assay::mux
