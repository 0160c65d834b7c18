#pragma once
// Labelled items as what a model takes.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>

#include "harness/data/labelled_items.h"
#include "harness/model/model.h"

namespace assay {

/// The items back to back without padding, each a segment, on `device`.
PackedTokens pack_items(const LabelledItems& items, std::span<const std::int64_t> which,
                        at::Device device);
/// int64 [which], on `device`.
at::Tensor labels_of(const LabelledItems& items, std::span<const std::int64_t> which,
                     at::Device device);
/// Throws UserError unless the model knows every token, has room for the longest item, and scores
/// as many classes as the items have.
void require_items_for(const Model& model, const LabelledItems& items);

}  // namespace assay
