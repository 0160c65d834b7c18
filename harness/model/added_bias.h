#pragma once
// Biases for models that come without.

#include <vector>

#include "harness/checkpoint/spec.h"
#include "harness/model/layer.h"

namespace assay {

/// See Model::add_bias().
void add_bias(ModelSpec& spec, std::vector<Layer>& layers, Slot slot);

}  // namespace assay
