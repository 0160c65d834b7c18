#include "harness/mux/masked_layer.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/zeros.h>

#include <memory>
#include <optional>
#include <utility>

#include "harness/model/layer_pass.h"
#include "harness/model/standard_attention.h"
#include "harness/model/standard_ffn.h"

namespace assay::mux {
namespace {

at::Tensor attended(const StandardAttention& attention, const at::Tensor& rows,
                    const PaddedBatch& batch) {
  const AttentionShape& shape = attention.shape();
  const auto heads = attention.project(rows)
                         .view({batch.sequences, batch.length, 3, shape.heads, shape.head_dim})
                         .permute({2, 0, 3, 1, 4})
                         .unbind(0);
  std::optional<at::Tensor> mask;
  if (batch.seen.defined()) mask = batch.seen.view({batch.sequences, 1, 1, batch.length});
  const at::Tensor context =
      at::scaled_dot_product_attention(heads[0], heads[1], heads[2], mask, batch.attention_dropout);
  return attention.combine(context.transpose(1, 2).reshape({rows.size(0), -1}));
}

}  // namespace

at::Tensor pass_padded(const Layer& layer, const at::Tensor& rows, const PaddedBatch& batch) {
  StepContext step;
  step.batch = batch.sequences;
  step.tokens = batch.length;
  step.hidden_dropout = batch.hidden_dropout;
  const auto& attention = dynamic_cast<const StandardAttention&>(*layer.attention);
  const at::Tensor looked = drop_hidden(attended(attention, rows, batch), step);
  const at::Tensor middle = layer.attention_norm.forward(looked + rows);
  const at::Tensor fed = drop_hidden(layer.ffn->forward(middle, step), step);
  return layer.ffn_norm.forward(fed + middle);
}

Layer start_layer(const ModelSpec& spec, double deviation, at::Generator generator) {
  const std::int64_t width = spec.width, inside = spec.shape.heads * spec.shape.head_dim;
  const auto dense = [&](std::int64_t out, std::int64_t in) {
    at::Tensor weight = at::empty({out, in}, at::kFloat).normal_(0, deviation, generator);
    return DenseLinear(std::move(weight), at::zeros({out}));
  };
  const auto norm = [&] {
    return NormBlock{.eps = spec.norm_eps, .weight = at::ones({width}), .bias = at::zeros({width})};
  };
  const AttentionShape shape{spec.shape.heads, spec.shape.heads, spec.shape.head_dim};
  DenseLinear q = dense(inside, width), k = dense(inside, width), v = dense(inside, width);
  DenseLinear o = dense(width, inside);
  DenseLinear up = dense(spec.shape.ffn_width, width), down = dense(width, spec.shape.ffn_width);
  Layer layer{
      norm(), norm(),
      std::make_unique<StandardAttention>(shape, std::move(q), std::move(k), std::move(v),
                                          std::move(o)),
      std::make_unique<StandardFfn>(spec.activation, std::nullopt, std::move(up), std::move(down))};
  layer.fuse();  // as a loaded model's are, so that their times compare
  return layer;
}

}  // namespace assay::mux
