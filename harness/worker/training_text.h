#pragma once
// Which part of a prepared text a fit trains on.

#include <cstdint>

#include "harness/data/training_text.h"
#include "harness/protocol/protocol.h"

namespace assay {

/// The first `samples` windows of the text, all that are whole for 0; what is left at its end has
/// no part. Throws UserError when there are fewer, or when a window is shorter than two tokens or
/// longer than the `positions` of the model; FileError for a damaged folder.
TrainingText training_text(const TrainingTextRequest& request, std::int64_t positions);

}  // namespace assay
