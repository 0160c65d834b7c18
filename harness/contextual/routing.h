#pragma once
// How choices become what runs: where masks come from, and what a batch makes of them.

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>
#include <vector>

#include "harness/contextual/mask_source.h"
#include "harness/contextual/missing_keys.h"

namespace assay {

/// What decoded tokens of several sequences run in one step.
enum class BatchRule {
  kEach,   ///< each its own choice, gathered one after the other
  kUnion,  ///< all that one of them chose
  kVotes,  ///< as many as one of them would, those that most of them chose
};
/// "each", "union", "votes", in the enumeration's order.
const std::vector<std::string>& batch_rule_names();
BatchRule batch_rule_from_name(const std::string& name);

/// What the routed blocks of one artefact have in common.
struct Routing {
  MaskSource source = MaskSource::kPerToken;
  BatchRule batch = BatchRule::kEach;
  MissingKeys missing = MissingKeys::kDense;
  /// A token that would run a larger part of the units than this runs all of them; where a batch
  /// runs the same units, the batch.
  double dense_above = 1;
  /// Choices are made, and all units run all the same: what choosing costs by the clock.
  bool runs_all = false;
  /// Blocks say what streams they read, for choosers of later ones; every block is routed then.
  bool keeps_streams = false;
  /// Under which the blocks of one artefact find each other in the state of a pass; never written.
  std::shared_ptr<const char> owner = std::make_shared<const char>();
};

/// "heads", "neurons"
const char* site_name(RoutingSite site);

/// masks bool [n, units] of what each row chose -> what runs, by the rule for decoded tokens and
/// the fallback to all units.
at::Tensor ruled(const Routing& routing, const StepContext& step, const at::Tensor& masks);

/// Whether a step gathers: tokens being decoded without a gradient, few enough that gathering one
/// after the other is not slower than one dense product.
bool gathers(const StepContext& step, const at::Tensor& rows);

}  // namespace assay
