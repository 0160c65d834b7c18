#pragma once
// Which of a layer's matrices a pruner works on.

#include "harness/base/params.h"
#include "harness/model/seams.h"

namespace assay {

/// The parameter `parts`: "all", "ffn" or "attention".
ParamSpec parts_param();
/// True when the parameter's value covers this matrix.
bool in_parts(const Params& params, Slot slot);

}  // namespace assay
