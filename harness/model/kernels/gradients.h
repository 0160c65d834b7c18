#pragma once
// Whether a pass is differentiated: kernels without a derivative step aside then.

#include <ATen/core/Tensor.h>
#include <c10/core/GradMode.h>

namespace assay {

/// True when gradients are being recorded and one of these tensors asks for its own. Undefined ones
/// do not.
template <typename... Tensors>
bool needs_gradient(const Tensors&... tensors) {
  return c10::GradMode::is_enabled() && ((tensors.defined() && tensors.requires_grad()) || ...);
}

}  // namespace assay
