#include "harness/model/dense_linear.h"

#include <ATen/ops/as_strided.h>
#include <ATen/ops/index_select.h>

#include <algorithm>
#include <vector>

#include "harness/model/kernels/gradients.h"
#include "harness/model/kernels/large_pages.h"
#include "harness/model/kernels/linear.h"

namespace assay {
namespace {

using Blocks = std::span<const std::unique_ptr<Linear>>;

/// All of them as dense blocks of one width; empty when that is not what they are.
std::vector<DenseLinear*> dense_blocks(Blocks blocks) {
  std::vector<DenseLinear*> all;
  for (const auto& block : blocks) {
    auto* dense = dynamic_cast<DenseLinear*>(block.get());
    if (dense == nullptr) return {};
    all.push_back(dense);
  }
  const auto differs = [&](const DenseLinear* dense) {
    return dense->in_features() != all.front()->in_features() ||
           dense->bias().defined() != all.front()->bias().defined() ||
           dense->weight().options().dtype() != all.front()->weight().options().dtype();
  };
  return std::any_of(all.begin(), all.end(), differs) ? std::vector<DenseLinear*>() : all;
}

/// The tensor of which these are the consecutive slices along dimension 0; undefined when they are
/// none.
at::Tensor whole_of(const std::vector<at::Tensor>& slices) {
  const at::Tensor& first = slices.front();
  std::int64_t rows = 0;
  for (const at::Tensor& slice : slices) {
    if (!slice.is_contiguous() || slice.storage().data() != first.storage().data() ||
        slice.storage_offset() != first.storage_offset() + rows * first.stride(0)) {
      return {};
    }
    rows += slice.size(0);
  }
  std::vector<std::int64_t> shape = first.sizes().vec();
  shape.front() = rows;
  return at::as_strided(first.detach(), shape, first.strides(), first.storage_offset());
}

std::vector<at::Tensor> weights_of(const std::vector<DenseLinear*>& blocks) {
  std::vector<at::Tensor> weights;
  for (const DenseLinear* block : blocks) weights.push_back(block->weight());
  return weights;
}

std::vector<at::Tensor> biases_of(const std::vector<DenseLinear*>& blocks) {
  std::vector<at::Tensor> biases;
  for (const DenseLinear* block : blocks) biases.push_back(block->bias());
  return biases;
}

/// New memory that holds them one after the other; they become its slices.
void lay_side_by_side(std::vector<at::Tensor>& slices) {
  std::vector<std::int64_t> shape = slices.front().sizes().vec();
  shape.front() = 0;
  for (const at::Tensor& slice : slices) shape.front() += slice.size(0);
  const at::Tensor whole = empty_on_large_pages(shape, slices.front().options());
  std::int64_t begin = 0;
  for (at::Tensor& slice : slices) {
    const at::Tensor place = whole.narrow(0, begin, slice.size(0));
    place.copy_(slice);
    begin += slice.size(0);
    slice = place;
  }
}

}  // namespace

at::Tensor selected(const at::Tensor& tensor, std::int64_t dimension, const at::Tensor& indices) {
  return tensor.defined() ? at::index_select(tensor, dimension, indices) : tensor;
}

DenseLinear rows_of(const DenseLinear& linear, const at::Tensor& rows) {
  return {selected(linear.weight(), 0, rows), selected(linear.bias(), 0, rows)};
}

DenseLinear columns_of(const DenseLinear& linear, const at::Tensor& columns) {
  return {selected(linear.weight(), 1, columns), linear.bias()};
}

DenseLinear::DenseLinear(at::Tensor weight, at::Tensor bias)
    : weight_(std::move(weight)), bias_(std::move(bias)) {}

at::Tensor DenseLinear::forward(const at::Tensor& rows) const {
  return dense_product(rows, weight_, bias_);
}

void DenseLinear::visit_tensors(const VisitTensor& visit) {
  visit("weight", weight_);
  visit_if_defined(visit, "bias", bias_);
}

Cost DenseLinear::cost() const {
  Cost cost = tensor_cost(weight_);
  cost += tensor_cost(bias_);
  cost.flops_per_token = 2 * weight_.numel() + (bias_.defined() ? bias_.numel() : 0);
  return cost;
}

std::unique_ptr<Linear> DenseLinear::share() const { return std::make_unique<DenseLinear>(*this); }

std::optional<DenseLinear> adjacent_linears(Blocks blocks) {
  const std::vector<DenseLinear*> dense = dense_blocks(blocks);
  if (dense.empty()) return std::nullopt;
  const at::Tensor weight = whole_of(weights_of(dense));
  const bool biased = dense.front()->bias().defined();
  const at::Tensor bias = biased ? whole_of(biases_of(dense)) : at::Tensor();
  if (!weight.defined() || bias.defined() != biased) return std::nullopt;
  return DenseLinear(weight, bias);
}

std::optional<DenseLinear> fuse_linears(Blocks blocks) {
  if (wants_gradient(blocks)) return std::nullopt;
  if (std::optional<DenseLinear> whole = adjacent_linears(blocks)) return whole;
  const std::vector<DenseLinear*> dense = dense_blocks(blocks);
  if (dense.empty()) return std::nullopt;
  std::vector<at::Tensor> weights = weights_of(dense), biases = biases_of(dense);
  lay_side_by_side(weights);
  if (biases.front().defined()) lay_side_by_side(biases);
  for (std::size_t i = 0; i < dense.size(); ++i) {
    dense[i]->weight_ = weights[i];
    dense[i]->bias_ = biases[i];
  }
  return adjacent_linears(blocks);
}

bool wants_gradient(Blocks blocks) {
  return std::any_of(blocks.begin(), blocks.end(), [](const auto& block) {
    const auto* dense = dynamic_cast<const DenseLinear*>(block.get());
    return dense != nullptr && needs_gradient(dense->weight(), dense->bias());
  });
}

}  // namespace assay
