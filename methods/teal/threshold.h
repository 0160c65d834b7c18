#pragma once
// Which entries of a row are used: those whose magnitude exceeds a threshold.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "harness/model/block.h"
#include "harness/model/kernels/gathered.h"
#include "harness/model/step.h"

namespace assay::teal {

/// Below 0: everything is used, zeros too.
inline constexpr double kNoThreshold = -1;

/// An entry is used unless |x| <= threshold; NaN is used. Rows of a prompt use all of
/// their entries where the policy says so. In a pass that scores, those are the rows that the pass
/// calls a prompt's; over a cache, those of Phase::kPrefill and of a cache's very first step.
class Threshold {
 public:
  /// `like`: any tensor on the device of the values.
  Threshold(RoutingSite site, std::int64_t entries, double magnitude, bool dense_prompt,
            const at::Tensor& like);

  void set(double magnitude);

  /// Whether this step decodes one token a sequence on the CPU, with nothing whole in it: then each
  /// row is gathered for itself.
  [[nodiscard]] bool gathers(const at::Tensor& values, const StepContext& step) const;
  /// Every row is whole, and nobody asks: there is nothing to decide.
  [[nodiscard]] bool idle(const at::Tensor& values, const StepContext& step) const;
  /// values [n, entries] -> bool [n, entries], true = used; settled by others where the step asks
  /// for that.
  [[nodiscard]] at::Tensor used(const at::Tensor& values, const StepContext& step) const;
  /// The same as one selection a row. Only where gathers().
  [[nodiscard]] std::vector<Selection> selected(const at::Tensor& values,
                                                const StepContext& step) const;

  /// The bounds, which a token reads and compares with.
  [[nodiscard]] Cost cost() const;
  void visit_tensors(const VisitTensor& visit);
  [[nodiscard]] std::int64_t entries() const { return low_.size(0); }

 private:
  /// bool [n]: rows that use everything; undefined: none.
  [[nodiscard]] at::Tensor whole_rows(const at::Tensor& values, const StepContext& step) const;

  RoutingSite site_;
  bool dense_prompt_;
  at::Tensor low_, high_;  ///< f32 [entries]: what lies within is not used
};

/// How many entries each row uses: f32 [n].
at::Tensor counts_of(const std::vector<Selection>& selections);
std::int64_t count_of(const Selection& selection);
/// bool [n, entries], true = selected.
at::Tensor mask_of(const std::vector<Selection>& selections, std::int64_t entries);
/// values[i] of those that are selected, f32 [entries], of which the first ones count. `values`:
/// f32 [entries], contiguous, on the CPU.
at::Tensor compacted(const at::Tensor& values, const Selection& selection);

}  // namespace assay::teal
