#pragma once
// What all suites over items have in common.

#include "harness/suite/suite.h"
#include "harness/suite/tree_scorer.h"

namespace assay {

struct ScoredItems {
  PreparedItems prepared;                         ///< the first `limit` items of each subtask
  std::vector<std::vector<RequestScore>> scores;  ///< one a request, item by item
};

/// Reads the context's data, scores the items that `limit` (limit_param) leaves, and remarks how
/// many of them have a context that was cut (`items_cut_context`) or ends inside a token
/// (`items_spanning_token`).
ScoredItems score_prepared_items(SuiteContext& context, const Params& params,
                                 const TreeScorerOptions& options);

}  // namespace assay
