#pragma once
// Whether a pruned model has the zeros that were asked for, counted in the model itself: what a
// method says of its work is no evidence of it.

#include <string>

#include "harness/base/params.h"
#include "harness/model/model.h"

namespace assay {

/// Of a method with sparsity_params(): the matrices whose share of zeros is not what `params` ask
/// for, in words; "" when there is none, for other methods, and where nothing is asked. Matrices of
/// blocks that `blocks` leaves out are passed over, and so are those that are not stored densely.
std::string missed_sparsity(const Model& model, const Params& params);

}  // namespace assay
