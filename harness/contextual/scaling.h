#pragma once
// Values brought to [0, 1] by their smallest and largest, as ShadowLLM (arXiv 2406.16635) does with
// what its predictors read and with the scores that they learn.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace assay {

/// rows [n, d] in any floating dtype -> (x - min) / (max - min) in f32, each row by itself; a
/// constant row becomes 0. The released code takes one minimum and maximum for all rows that it is
/// given, which is the same for one row.
at::Tensor scaled_rows(const at::Tensor& rows);

/// values [n, layers * m], those of a layer side by side -> the same in f32, each sample by itself
/// over all layers ("b1e" in the released code). A constant sample becomes NaN.
at::Tensor scaled_over_layers(const at::Tensor& values);

/// The same, each layer of a sample by itself ("b1eL", of the paper's results): every layer then
/// has a 0 and a 1, and a ranking over all layers is one of values relative to their layer. A
/// constant layer becomes NaN. `units` of each layer, of which some may have none; throws
/// std::logic_error unless they are the columns of values.
at::Tensor scaled_by_layer(const at::Tensor& values, const std::vector<std::int64_t>& units);

}  // namespace assay
