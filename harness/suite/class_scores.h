#pragma once
// Scores of the classes of labelled items.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "harness/data/labelled_items.h"
#include "harness/model/model.h"
#include "harness/suite/suite.h"

namespace assay {

/// What every kind over labelled items takes: "max_tokens", "limit", "batch_tokens".
std::vector<ParamSpec> labelled_params();

/// The context's data, cut to `limit` items, after every check against the model. Throws
/// DoesNotApply for another number of classes, Misleading for classes of other names or in another
/// order (UNMET and INVALID), UserError for tokens that the model does not have. Remarks on items
/// that leave the last group of a model open that mixes sequences.
LabelledItems labelled_items_for(SuiteContext& context, const Params& params);

/// Log-probabilities of the classes, f64 [items, classes] on the CPU, in the order of the items.
/// Items of similar lengths are run together, at most `batch_tokens` tokens at a time, without
/// padding; of models that mix sequences whole groups, at least one. What `log` has is not run.
/// `done(n)` is told how many items are finished.
at::Tensor class_log_probs(const Model& model, const LabelledItems& items,
                           std::int64_t batch_tokens, ScoreLog& log,
                           const std::function<void(std::int64_t)>& done);

}  // namespace assay
