#pragma once
// Fixed windows over a token stream, as GPTQ, SparseGPT and Wanda score perplexity.

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "harness/base/params.h"
#include "harness/model/model.h"
#include "harness/suite/suite.h"

namespace assay {

/// n = floor(tokens / length) windows that do not overlap; what is left at the end is dropped.
struct Windows {
  at::Tensor tokens;        ///< int64 [n, length], CPU
  std::int64_t prompt = 0;  ///< tokens of each window that are given; 0: nobody says
  [[nodiscard]] std::int64_t count() const { return tokens.size(0); }
  [[nodiscard]] std::int64_t length() const { return tokens.size(1); }
  /// A window's first token is never scored, a prompt neither.
  [[nodiscard]] std::int64_t targets() const {
    return length() - std::max<std::int64_t>(1, prompt);
  }
  /// Identity of a window's tokens.
  [[nodiscard]] std::string hash(std::int64_t window) const;
};

/// The parameters `window` (0: the smaller of 2048 and the model's positions), `prompt` and
/// `limit`.
std::vector<ParamSpec> window_params();

/// Throws UserError when the stream is shorter than a window or a window longer than the model.
Windows make_windows(const at::Tensor& stream, const ModelSpec& spec, const Params& params);

/// Hidden rows that predict the targets of some windows, and the targets.
struct WindowBatch {
  std::int64_t first = 0;  ///< index of the first window
  std::int64_t count = 0;
  std::int64_t prompt = 0;
  at::Tensor tokens;   ///< int64 [count, length] on the model's device
  at::Tensor targets;  ///< int64 [count * Windows::targets()]
};

/// Numbers of all windows in order, `numbers` of each. `score` is called for several short windows
/// at a time and returns theirs, window by window; it is not called for what the context's score
/// log has.
std::vector<std::vector<double>> score_windows(
    const Windows& windows, SuiteContext& context, std::size_t numbers,
    const std::function<std::vector<double>(const WindowBatch&)>& score);

/// hidden [count * Windows::targets(), width]: the rows of the windows that predict a target.
at::Tensor predicting_rows(const Model& model, const WindowBatch& batch);

}  // namespace assay
