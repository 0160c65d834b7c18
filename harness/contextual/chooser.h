#pragma once
// What decides, token by token, which heads or neurons of a layer run.

#include <ATen/core/Tensor.h>

#include <compare>
#include <cstdint>
#include <map>
#include <memory>

#include "harness/model/block.h"
#include "harness/model/step.h"

namespace assay {

/// What a chooser may look at. Everything is of the rows of this step.
struct ChoiceInput {
  const at::Tensor& rows;  ///< what the block gets, behind its norm  [n, width]
  /// What the units gave in a pass that computed all of them: heads' contexts [n, heads *
  /// head_dim], or what down gets [n, neurons]. Only where needs_values().
  at::Tensor values;
};

/// One a block. Which streams of earlier layers it may read: those that LayerStreams holds.
class Chooser {
 public:
  virtual ~Chooser() = default;
  /// bool [n, units], true: runs.
  [[nodiscard]] virtual at::Tensor choose(const ChoiceInput& input,
                                          const StepContext& step) const = 0;
  /// True: it looks at what all units give, so that nothing is saved (an oracle).
  [[nodiscard]] virtual bool needs_values() const { return false; }
  virtual void visit_tensors(const VisitTensor& /*visit*/) {}
  [[nodiscard]] virtual Cost cost() const { return {}; }
  /// With the same tensors.
  [[nodiscard]] virtual std::unique_ptr<Chooser> share() const = 0;
};

/// What a block of a layer showed to choosers of later ones.
struct StreamPlace {
  std::int64_t layer = 0;
  RoutingSite site = RoutingSite::kHeads;  ///< the block: attention, or the FFN
  auto operator<=>(const StreamPlace&) const = default;
};

/// What the layers showed that a pass has run so far, for choosers that look ahead: the residual
/// streams that their blocks read, before a norm, or what a method puts in their place. Blocks of
/// one artefact write it under the artefact's owner in the state of the pass.
class LayerStreams {
 public:
  /// Forgets those of layers before the one before.
  void put(const StreamPlace& place, const at::Tensor& stream);
  /// Throws DoesNotApply for a block that has not run.
  [[nodiscard]] const at::Tensor& at(const StreamPlace& place) const;

 private:
  std::map<StreamPlace, at::Tensor> streams_;
};

/// Those of this pass. Throws DoesNotApply for a block that is run alone.
LayerStreams& streams_of(const StepContext& step, const void* owner);

/// How many of `units` a density keeps: units - floor((1 - density) units), at least one.
std::int64_t count_of_density(double density, std::int64_t units);

}  // namespace assay
