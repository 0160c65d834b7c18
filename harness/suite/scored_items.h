#pragma once
// What all suites over items have in common.

#include "harness/suite/suite.h"
#include "harness/suite/tree_scorer.h"

namespace assay {

struct ScoredItems {
  PreparedItems prepared;                         ///< the first `limit` items of each subtask
  std::vector<std::vector<RequestScore>> scores;  ///< one a request, item by item
};

/// `limit`, and `share_prompts`: answers to a question run its prompt once.
std::vector<ParamSpec> item_params();

/// Reads the context's data, scores the items that the parameters (item_params) leave, and remarks
/// how many of them have a context that was cut (`items_cut_context`) or ends inside a token
/// (`items_spanning_token`).
ScoredItems score_prepared_items(SuiteContext& context, const Params& params,
                                 TreeScorerOptions options);

}  // namespace assay
