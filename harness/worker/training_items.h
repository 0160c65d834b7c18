#pragma once
// Which of the prepared items a fit trains on.

#include "harness/data/labelled_items.h"
#include "harness/protocol/protocol.h"

namespace assay {

/// The first `items` of the data in an order that `subset_seed` draws, as CPython's
/// random.Random(subset_seed).shuffle() would; all of them, in their own order, for 0. Throws
/// UserError when there are fewer.
LabelledItems training_items(const TrainingRequest& request);

}  // namespace assay
