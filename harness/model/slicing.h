#pragma once
// Models with fewer heads, neurons or sub-layers: smaller tensors, not zeros.
//
// Gradients of what a smaller model computes reach the tensors that it was cut from.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>

#include "harness/model/model.h"
#include "harness/model/standard_ffn.h"

namespace assay {

// Indices are int64, ascending, without repeats, at least one; std::logic_error otherwise, and
// where a block is not the standard one any more.

/// A block with these neurons of a dense one, in matrices of its own; gate and up are one product.
std::unique_ptr<StandardFfn> slice_neurons(const StandardFfn& ffn, const at::Tensor& neurons);

/// Only these neurons of the layer's feed-forward block stay: rows of gate and up, columns of down.
/// Throws DoesNotApply for a mixture of experts.
void keep_neurons(Model& model, std::int64_t layer, const at::Tensor& neurons);

/// Only these groups stay: a key/value head with the query heads that read it. Throws DoesNotApply
/// for a model whose heads are not apart: why_heads_stay().
void keep_head_groups(Model& model, std::int64_t layer, const at::Tensor& groups);

/// Only these dimensions of the residual stream stay; norms are then over those that are there, and
/// what a pooler gives keeps its width. Throws DoesNotApply where a method's block cannot be cut.
void keep_width(Model& model, const at::Tensor& dimensions);

/// Multiplies the residual stream by `factors` [width] wherever something is added to it or it is
/// normed: tables, norms, what layers add, and what stands beside the stream in its dimensions, in
/// a model with norms behind its blocks. What reads the stream is left alone. With factors of 0
/// this is a narrower model but for its norms, which are still over all dimensions; keep_width()
/// those that are not 0 for the rest. Throws DoesNotApply for norms in front of blocks, whose
/// streams add up unnormed, and for blocks of a method that cannot be scaled.
void scale_width(Model& model, const at::Tensor& factors);

// Another order of the same units, which changes nothing that the model computes but the last bits
// of its sums. An order is int64 and names each unit once: order[i] is where the unit i was.

void order_neurons(Model& model, std::int64_t layer, const at::Tensor& order);
/// Throws DoesNotApply for a model whose heads are not apart.
void order_head_groups(Model& model, std::int64_t layer, const at::Tensor& order);
void order_width(Model& model, const at::Tensor& order);

/// Which rows of an attention's matrices fewer heads take. All int64, ascending within a group.
struct AttentionRows {
  at::Tensor queries;  ///< of q; columns of o
  at::Tensor keys;     ///< of k and v
};
/// The first `heads` of each of these groups, in a block of `shape`. Query heads of a group lie one
/// after the other, as do the groups. Throws std::logic_error for more heads than a group has.
AttentionRows attention_rows(const LayerShape& shape, const at::Tensor& groups,
                             std::int64_t heads_a_group);

/// The residual stream passes by from now on.
void drop_attention(Model& model, std::int64_t layer);
void drop_ffn(Model& model, std::int64_t layer);

}  // namespace assay
