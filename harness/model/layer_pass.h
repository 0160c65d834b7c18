#pragma once
// How the parts of a layer work together in a pass.

#include <ATen/core/Tensor.h>

#include "harness/model/layer.h"

namespace assay {

struct LayerForm {
  bool pre_norm = true;       ///< norms stand before their block, not behind its residual
  bool parallel = false;      ///< both blocks read the same rows; only where norms stand before
  double residual_scale = 1;  ///< what a block gives is multiplied by it
};

LayerForm layer_form(const ModelSpec& spec);

/// rows [n, width] before the layer -> after it: all, or those in `wanted` (int64 [m] -> [m,
/// width]). What follows attention runs for those alone then, so nobody may look on or draw
/// dropout.
at::Tensor pass_layer(const Layer& layer, const at::Tensor& rows, StepContext& step,
                      const LayerForm& form, const at::Tensor& wanted = {});

/// The rows in `wanted`; all where it is undefined.
at::Tensor rows_of(const at::Tensor& rows, const at::Tensor& wanted);
/// With the step's hidden dropout, if there is any.
at::Tensor drop_hidden(const at::Tensor& rows, const StepContext& step);

}  // namespace assay
