#pragma once
// Parameters as the files of a family store them: a checkpoint's bindings, walked backwards.

#include <ATen/core/Tensor.h>

#include <functional>

#include "harness/checkpoint/binding.h"

namespace assay {

/// The tensor that `binding` would have filled the parameters from: of the shape it says, in the
/// dtype of the parameters. `parameter` gives each by its id.
at::Tensor stored_form(const Binding& binding, const ModelSpec& spec,
                       const std::function<at::Tensor(const ParameterId&)>& parameter);

}  // namespace assay
