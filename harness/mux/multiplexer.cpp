#include "harness/mux/multiplexer.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/einsum.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linalg_qr.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>

#include <cmath>

#include "harness/base/cell_errors.h"
#include "harness/base/errors.h"

namespace assay::mux {

namespace {

[[noreturn]] void refuse_width() {
  throw DoesNotApply(
      "this multiplexer reads all dimensions at once, and none of them can be cut; leave the width "
      "whole");
}

}  // namespace

void Multiplexer::select_width(const at::Tensor&) { refuse_width(); }

void Multiplexer::scale_width(const at::Tensor&) { refuse_width(); }

at::Tensor HadamardMultiplexer::mix(const at::Tensor& instances) const {
  return (instances * keys_.unsqueeze(1)).mean(1);
}

void HadamardMultiplexer::select_width(const at::Tensor& dimensions) {
  keys_ = keys_.index_select(1, dimensions);
}

void HadamardMultiplexer::scale_width(const at::Tensor& factors) { keys_ = keys_ * factors; }

std::unique_ptr<Multiplexer> HadamardMultiplexer::share() const {
  return std::make_unique<HadamardMultiplexer>(*this);
}

at::Tensor OrthogonalMultiplexer::mix(const at::Tensor& instances) const {
  const double scale = 1 / std::sqrt(static_cast<double>(matrices_.size(0)));
  return at::einsum("gnlw,nwv->glv", {instances, matrices_}) * scale;
}

void OrthogonalMultiplexer::select_width(const at::Tensor& dimensions) {
  matrices_ = matrices_.index_select(1, dimensions).index_select(2, dimensions);
}

void OrthogonalMultiplexer::scale_width(const at::Tensor& factors) {
  matrices_ = matrices_ * factors;  // what they give; what they read is scaled already
}

std::unique_ptr<Multiplexer> OrthogonalMultiplexer::share() const {
  return std::make_unique<OrthogonalMultiplexer>(*this);
}

at::Tensor gaussian_keys(std::int64_t instances, std::int64_t width, double norm,
                         at::Generator generator) {
  const at::Tensor drawn = at::empty({instances, width}, at::kFloat).normal_(0, 1, generator);
  return drawn / drawn.norm(2, 1, /*keepdim=*/true) * norm;
}

at::Tensor binary_keys(std::int64_t instances, std::int64_t width) {
  if (instances > width) {
    throw UserError(
        fmt::format("{} instances cannot share {} dimensions; mix fewer", instances, width));
  }
  at::Tensor keys = at::zeros({instances, width}, at::kFloat);
  for (std::int64_t i = 0; i < instances; ++i) {
    const std::int64_t begin = width * i / instances, end = width * (i + 1) / instances;
    keys[i].narrow(0, begin, end - begin).fill_(1);
  }
  return keys;
}

at::Tensor orthogonal_matrices(std::int64_t instances, std::int64_t width,
                               at::Generator generator) {
  const at::Tensor drawn =
      at::empty({instances, width, width}, at::kFloat).normal_(0, 1, generator);
  const auto [q, r] = at::linalg_qr(drawn);
  return (q * r.diagonal(0, 1, 2).sign().unsqueeze(1)).contiguous();
}

}  // namespace assay::mux
