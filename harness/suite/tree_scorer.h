#pragma once
// Log-likelihoods of the candidate answers of many items.

#include <cstdint>
#include <functional>
#include <vector>

#include "harness/model/model.h"
#include "harness/suite/prepared.h"
#include "harness/suite/score_log.h"

namespace assay {

struct RequestScore {
  double log_likelihood = 0;  ///< nats, summed over the continuation
  bool greedy = false;      ///< every continuation token is the most likely one; false if not asked
  std::int64_t tokens = 0;  ///< of the continuation
};

struct TreeScorerOptions {
  bool want_greedy = false;
  /// False: each candidate is a text of its own, for models in which a prompt depends on what
  /// follows it.
  bool share_beginnings = true;
  std::int64_t pack_tokens = 2048;  ///< tokens run together; one tree may be larger
  /// New tokens that items with a common beginning may add to one tree: attention costs the square
  /// of a tree's size.
  std::int64_t merged_tokens = 1024;
};

/// Scores of all requests, item by item, in the order given. The candidates of an item become one
/// tree, items of one subtask with a long common beginning share a tree, and several trees are
/// run together without padding. What `log` has is not run. `done(n)` is told how many items are
/// finished.
std::vector<std::vector<RequestScore>> score_items(const Model& model,
                                                   const std::vector<PreparedItem>& items,
                                                   const TreeScorerOptions& options, ScoreLog& log,
                                                   const std::function<void(std::int64_t)>& done);

}  // namespace assay
