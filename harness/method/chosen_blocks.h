#pragma once
// Which of a layer's matrices a method works on.

#include <string>

#include "harness/base/params.h"
#include "harness/model/seams.h"

namespace assay {

/// The parameter `blocks`: "all", "ffn" or "attention".
ParamSpec blocks_param(
    std::string help =
        "Matrices that are pruned: all of a layer's, or those of one of its two blocks");
/// True when the parameter's value covers this matrix; those of experts are of the feed-forward
/// block.
bool in_blocks(const Params& params, const SlotPlace& place);

}  // namespace assay
