#include "harness/mux/coupling_chain.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/dropout.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/relu.h>
#include <fmt/format.h>

#include <cmath>
#include <stdexcept>
#include <utility>

namespace assay::mux {
namespace {

at::Tensor dropped(const at::Tensor& rows, double share) {
  return share > 0 ? at::dropout(rows, share, true) : rows;
}

at::Tensor coupled(const CouplingNet& net, const at::Tensor& rows, double dropout) {
  const at::Tensor wide = dropped(at::relu(net.widen.forward(rows)), dropout);
  return dropped(at::relu(net.narrow.forward(wide)), dropout);
}

}  // namespace

CouplingChain::CouplingChain(std::vector<CouplingNet> nets) : nets_(std::move(nets)) {
  if (nets_.size() == 1) throw std::logic_error("one instance has nothing to be coupled to");
}

std::int64_t CouplingChain::instances() const {
  return nets_.empty() ? 1 : static_cast<std::int64_t>(nets_.size());
}

at::Tensor CouplingChain::mix(const std::vector<at::Tensor>& instances, double dropout) const {
  if (nets_.empty()) return instances.front();
  const std::size_t count = nets_.size();
  at::Tensor before = instances[count - 2];
  std::vector<at::Tensor> mixed;
  for (std::size_t j = 0; j < count; ++j) {
    before = instances[count - 1 - j] + coupled(nets_[j], before, dropout);
    mixed.push_back(before);
  }
  return at::cat(mixed, 1);
}

std::vector<at::Tensor> CouplingChain::unmix(const at::Tensor& rows, double dropout) const {
  if (nets_.empty()) return {rows};
  const std::size_t count = nets_.size();
  std::vector<at::Tensor> mixed;
  for (const at::Tensor& part : rows.chunk(static_cast<std::int64_t>(count), 1)) {
    mixed.push_back(part.contiguous());
  }
  std::vector<at::Tensor> instances(count);
  for (std::size_t j = count - 1; j > 0; --j) {
    instances[count - 1 - j] = mixed[j] - coupled(nets_[j], mixed[j - 1], dropout);
  }
  instances[count - 1] = mixed[0] - coupled(nets_[0], instances[count - 2], dropout);
  return instances;
}

void CouplingChain::visit_tensors(const VisitTensor& visit) {
  for (std::size_t i = 0; i < nets_.size(); ++i) {
    nets_[i].widen.visit_tensors(visit_part(visit, fmt::format("{}.widen.", i)));
    nets_[i].narrow.visit_tensors(visit_part(visit, fmt::format("{}.narrow.", i)));
  }
}

Cost CouplingChain::cost() const {
  Cost cost;
  for (const CouplingNet& net : nets_) {
    cost += net.widen.cost();
    cost += net.narrow.cost();
  }
  return cost;
}

DenseLinear start_uniform_linear(std::int64_t out, std::int64_t in, at::Generator generator) {
  const double bound = 1 / std::sqrt(static_cast<double>(in));
  at::Tensor weight = at::empty({out, in}, at::kFloat).uniform_(-bound, bound, generator);
  at::Tensor bias = at::empty({out}, at::kFloat).uniform_(-bound, bound, generator);
  return {std::move(weight), std::move(bias)};
}

std::vector<CouplingNet> start_coupling_nets(std::int64_t instances, std::int64_t width,
                                             const at::Generator& generator) {
  std::vector<CouplingNet> nets;
  if (instances == 1) return nets;
  const std::int64_t part = width / instances;
  for (std::int64_t i = 0; i < instances; ++i) {
    DenseLinear widen = start_uniform_linear(width, part, generator);
    nets.push_back({std::move(widen), start_uniform_linear(part, width, generator)});
  }
  return nets;
}

std::shared_ptr<SharedChain> SharedChain::twin_for_input() {
  auto twin = std::make_shared<SharedChain>(chain_);
  twin_ = twin;
  return twin;
}

std::shared_ptr<SharedChain> SharedChain::twin_for_output() const {
  if (auto twin = twin_.lock()) return twin;
  throw std::logic_error("an output that inverts its input's chain is shared with that input only");
}

}  // namespace assay::mux
