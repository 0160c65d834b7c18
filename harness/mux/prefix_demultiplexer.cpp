#include "harness/mux/prefix_demultiplexer.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>

namespace assay::mux {

at::Tensor PrefixDemultiplexer::split(const at::Tensor& rows) const {
  const std::int64_t width = rows.size(1);
  const at::Tensor groups = rows.view({-1, rows_read(), width});
  const at::Tensor keys = groups.narrow(1, 0, instances_);
  const at::Tensor mixed = groups.narrow(1, instances_, 1).expand_as(keys);
  return told_apart(at::cat({keys, mixed}, 2).view({-1, 2 * width}));
}

at::Tensor PrefixDemultiplexer::read_at(const at::Tensor& rows, std::int64_t length,
                                        const at::Tensor& places, const at::Tensor& which) const {
  const at::Tensor keys = places - places.remainder(length) + which;
  return at::cat({rows.index_select(0, keys), rows.index_select(0, places)}, 1);
}

at::Tensor PrefixDemultiplexer::one_of(const at::Tensor& rows, const at::Tensor&) const {
  return told_apart(rows);
}

at::Tensor PrefixDemultiplexer::retrieved(const at::Tensor& rows, const at::Tensor& which,
                                          const std::vector<NormBlock>&) const {
  return one_of(rows, which);
}

at::Tensor PrefixDemultiplexer::told_apart(const at::Tensor& features) const {
  return tensors_.norm.forward(at::gelu(tensors_.dense.forward(features)));
}

Cost PrefixDemultiplexer::cost() const {
  Cost cost = tensors_.dense.cost();
  cost += tensors_.norm.cost();
  return cost;
}

void PrefixDemultiplexer::visit_tensors(const VisitTensor& visit) {
  tensors_.dense.visit_tensors(visit_part(visit, "dense."));
  tensors_.norm.visit_tensors(visit_part(visit, "norm."));
}

void PrefixDemultiplexer::select_width(const at::Tensor& dimensions) {
  const std::int64_t width = tensors_.dense.in_features() / 2;
  tensors_.dense = columns_of(tensors_.dense, at::cat({dimensions, dimensions + width}));
}

std::unique_ptr<Demultiplexer> PrefixDemultiplexer::share() const {
  return std::make_unique<PrefixDemultiplexer>(*this);
}

PrefixDemuxTensors start_prefix_demux(std::int64_t width, double deviation, double norm_eps,
                                      at::Generator generator) {
  at::Tensor weight = at::empty({width, 2 * width}, at::kFloat);
  weight.normal_(0, deviation, std::move(generator));
  return {.dense = {std::move(weight), at::zeros({width})},
          .norm = {.eps = norm_eps, .weight = at::ones({width}), .bias = at::zeros({width})}};
}

}  // namespace assay::mux
