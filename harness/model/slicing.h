#pragma once
// Models with fewer heads, neurons or sub-layers: smaller tensors, not zeros.

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
void keep_neurons(Model& model, std::int64_t layer, const at::Tensor& neurons);

/// Only these groups stay: a key/value head with the query heads that read it. Throws DoesNotApply
/// for a model with ALiBi, whose heads differ by their number.
void keep_head_groups(Model& model, std::int64_t layer, const at::Tensor& groups);

/// The residual stream passes by from now on.
void drop_attention(Model& model, std::int64_t layer);
void drop_ffn(Model& model, std::int64_t layer);

}  // namespace assay
