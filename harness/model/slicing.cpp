#include "harness/model/slicing.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/index_select.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "harness/base/cell_errors.h"
#include "harness/model/kernels/gradients.h"
#include "harness/model/standard_attention.h"
#include "harness/model/standard_ffn.h"

namespace assay {
namespace {

void check(const at::Tensor& indices, std::int64_t size, const char* what) {
  const bool list = indices.dim() == 1 && indices.scalar_type() == at::kLong && indices.numel() > 0;
  const bool ascending = list && indices.diff().gt(0).all().item<bool>() &&
                         indices[0].item<std::int64_t>() >= 0 &&
                         indices[indices.size(0) - 1].item<std::int64_t>() < size;
  if (!ascending) {
    throw std::logic_error(std::string("the ") + what +
                           " to keep must be ascending indices below " + std::to_string(size));
  }
}

void check_order(const at::Tensor& order, std::int64_t size, const char* what) {
  const bool list = order.dim() == 1 && order.scalar_type() == at::kLong && order.size(0) == size;
  if (list && at::equal(std::get<0>(order.cpu().sort()), at::arange(size, at::kLong))) return;
  throw std::logic_error(std::string("an order of ") + what + " names each of " +
                         std::to_string(size) + " once");
}

/// [heads] -> the places of their elements, [heads * size]
at::Tensor elements_of(const at::Tensor& heads, std::int64_t size) {
  return heads.unsqueeze(1).mul(size).add(at::arange(size, heads.options())).flatten();
}

template <typename Standard, typename Seam>
const Standard& standard(const std::unique_ptr<Seam>& block, const char* what) {
  const auto* found = dynamic_cast<const Standard*>(block.get());
  if (found != nullptr) return *found;
  throw DoesNotApply(
      std::string("a method before this one replaced a layer's ") + what +
      ", and nothing can be cut out of it; apply this one first, or leave one of them out");
}

void put(Model& model, std::int64_t index, std::unique_ptr<Attention> attention,
         std::unique_ptr<Ffn> ffn, const LayerShape& shape) {
  Layer& old = model.layers().at(static_cast<std::size_t>(index));
  Layer layer = old.without_blocks();
  layer.attention = std::move(attention);
  layer.ffn = std::move(ffn);
  layer.fuse();
  model.replace_layer(index, std::move(layer), shape);
}

const DenseLinear& dense(const Linear* linear) {
  const auto* found = dynamic_cast<const DenseLinear*>(linear);
  if (found != nullptr) return *found;
  throw DoesNotApply(
      "a method before this one replaced a matrix of a block, and only dense ones can be cut; "
      "apply "
      "this one first, or leave one of them out");
}

/// Those rows of a, then those of b.
at::Tensor rows_of_both(const at::Tensor& a, const at::Tensor& b, const at::Tensor& rows) {
  if (needs_gradient(a, b)) {
    return at::cat({at::index_select(a, 0, rows), at::index_select(b, 0, rows)});
  }
  std::vector<std::int64_t> sizes = a.sizes().vec();
  sizes[0] = 2 * rows.size(0);
  at::Tensor both = at::empty(sizes, a.options());
  at::Tensor first = both.narrow(0, 0, rows.size(0));
  at::Tensor second = both.narrow(0, rows.size(0), rows.size(0));
  at::index_select_out(first, a, 0, rows);
  at::index_select_out(second, b, 0, rows);
  return both;
}

/// Gate and up, side by side in memory.
std::pair<DenseLinear, DenseLinear> rows_of_both(const DenseLinear& gate, const DenseLinear& up,
                                                 const at::Tensor& rows) {
  const std::int64_t count = rows.size(0);
  const at::Tensor weight = rows_of_both(gate.weight(), up.weight(), rows);
  const at::Tensor bias =
      gate.bias().defined() ? rows_of_both(gate.bias(), up.bias(), rows) : at::Tensor();
  const auto half = [&](std::int64_t begin) {
    return DenseLinear(weight.narrow(0, begin, count),
                       bias.defined() ? bias.narrow(0, begin, count) : bias);
  };
  return {half(0), half(count)};
}

}  // namespace

std::unique_ptr<StandardFfn> slice_neurons(const StandardFfn& ffn, const at::Tensor& neurons) {
  const DenseLinear& up = dense(ffn.linear(Slot::kUp));
  DenseLinear down = columns_of(dense(ffn.linear(Slot::kDown)), neurons);
  if (ffn.linear(Slot::kGate) == nullptr) {
    return std::make_unique<StandardFfn>(ffn.activation(), std::nullopt, rows_of(up, neurons),
                                         std::move(down));
  }
  auto [gate, rows] = rows_of_both(dense(ffn.linear(Slot::kGate)), up, neurons);
  return std::make_unique<StandardFfn>(ffn.activation(), std::move(gate), std::move(rows),
                                       std::move(down));
}

AttentionRows attention_rows(const LayerShape& shape, const at::Tensor& groups,
                             std::int64_t heads_a_group) {
  const std::int64_t each = shape.heads / shape.kv_heads;
  if (heads_a_group < 1 || heads_a_group > each) {
    throw std::logic_error("a group of heads has " + std::to_string(each) + " query heads");
  }
  const at::Tensor heads =
      groups.unsqueeze(1).mul(each).add(at::arange(heads_a_group, groups.options())).flatten();
  return {elements_of(heads, shape.head_dim), elements_of(groups, shape.head_dim)};
}

namespace {

void select_neurons(Model& model, std::int64_t index, const at::Tensor& neurons) {
  Layer& layer = model.layers().at(static_cast<std::size_t>(index));
  LayerShape shape = model.spec().layer(index);
  if (shape.experts > 0) {
    throw DoesNotApply("this model is a mixture of experts, out of which no neurons are taken");
  }
  auto ffn = slice_neurons(standard<StandardFfn>(layer.ffn, "feed-forward block"),
                           neurons.to(model.device()));
  shape.ffn_width = neurons.size(0);
  put(model, index, std::move(layer.attention), std::move(ffn), shape);
}

void select_head_groups(Model& model, std::int64_t index, const at::Tensor& groups) {
  if (const std::string why = why_heads_stay(model.spec()); !why.empty()) {
    throw DoesNotApply("heads cannot be taken out of this model, nor change places: " + why);
  }
  Layer& layer = model.layers().at(static_cast<std::size_t>(index));
  LayerShape shape = model.spec().layer(index);
  const auto& whole = standard<StandardAttention>(layer.attention, "attention");
  AttentionShape attention = whole.shape();
  const std::int64_t each = shape.heads / shape.kv_heads;
  const auto [queries, keys] = attention_rows(shape, groups.to(model.device()), each);
  shape.kv_heads = attention.kv_heads = groups.size(0);
  shape.heads = attention.heads = groups.size(0) * each;
  auto block = std::make_unique<StandardAttention>(
      attention, rows_of(layer.dense(Slot::kQ), queries), rows_of(layer.dense(Slot::kK), keys),
      rows_of(layer.dense(Slot::kV), keys), columns_of(layer.dense(Slot::kO), queries),
      whole.norms());
  put(model, index, std::move(block), std::move(layer.ffn), shape);
}

}  // namespace

void keep_neurons(Model& model, std::int64_t index, const at::Tensor& neurons) {
  check(neurons, model.spec().layer(index).ffn_width, "neurons");
  select_neurons(model, index, neurons);
}

void keep_head_groups(Model& model, std::int64_t index, const at::Tensor& groups) {
  check(groups, model.spec().layer(index).kv_heads, "head groups");
  select_head_groups(model, index, groups);
}

namespace {

void scale(NormBlock& norm, const at::Tensor& factors) {
  if (norm.weight.defined()) norm.weight = norm.weight * factors;
  if (norm.bias.defined()) norm.bias = norm.bias * factors;
}

DenseLinear scaled_rows(const DenseLinear& linear, const at::Tensor& factors) {
  return {linear.weight() * factors.unsqueeze(1),
          linear.bias().defined() ? linear.bias() * factors : linear.bias()};
}

void scale(Layer& layer, const at::Tensor& factors) {
  scale(layer.attention_norm, factors);
  scale(layer.ffn_norm, factors);
  for (const Slot slot : {Slot::kO, Slot::kDown}) {
    if (layer.find(slot) == nullptr) continue;
    layer.replace_linear(slot,
                         std::make_unique<DenseLinear>(scaled_rows(layer.dense(slot), factors)));
  }
}

}  // namespace

void keep_width(Model& model, const at::Tensor& dimensions) {
  check(dimensions, model.spec().width, "dimensions");
  model.select_width(dimensions);
}

void scale_width(Model& model, const at::Tensor& factors) {
  if (model.spec().pre_norm || model.spec().final_norm) {
    throw DoesNotApply(
        "the width of a model with norms in front of its blocks cannot be scaled; leave it whole");
  }
  for (Layer& layer : model.layers()) scale(layer, factors);
  auto input = model.input().share();
  input->scale_width(factors);
  model.replace_input(std::move(input));
  auto output = model.output().share();
  output->scale_width(factors);
  model.replace_output(std::move(output));
}

void order_neurons(Model& model, std::int64_t index, const at::Tensor& order) {
  check_order(order, model.spec().layer(index).ffn_width, "neurons");
  select_neurons(model, index, order);
}

void order_head_groups(Model& model, std::int64_t index, const at::Tensor& order) {
  check_order(order, model.spec().layer(index).kv_heads, "head groups");
  select_head_groups(model, index, order);
}

void order_width(Model& model, const at::Tensor& order) {
  check_order(order, model.spec().width, "dimensions");
  model.select_width(order);
}

void drop_attention(Model& model, std::int64_t index) {
  Layer& layer = model.layers().at(static_cast<std::size_t>(index));
  LayerShape shape = model.spec().layer(index);
  shape.has_attention = false;
  const bool shared = model.spec().shared_norm && shape.has_ffn;
  if (!shared) layer.attention_norm = {};
  layer.attention_out_norm = {};
  put(model, index, nullptr, std::move(layer.ffn), shape);
}

void drop_ffn(Model& model, std::int64_t index) {
  Layer& layer = model.layers().at(static_cast<std::size_t>(index));
  LayerShape shape = model.spec().layer(index);
  shape.has_ffn = false;
  layer.ffn_norm = {};
  layer.ffn_out_norm = {};
  put(model, index, std::move(layer.attention), nullptr, shape);
}

}  // namespace assay
