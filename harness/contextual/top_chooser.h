#pragma once
// Choosers that score all units and run those with the highest scores.

#include <cstdint>
#include <memory>

#include "harness/contextual/chooser.h"
#include "harness/model/kernels/highest.h"

namespace assay {

/// Runs as many units in every row.
class TopChooser : public Chooser {
 public:
  explicit TopChooser(std::int64_t count) : count_(count) {}
  [[nodiscard]] at::Tensor choose(const ChoiceInput& input, const StepContext& step) const final {
    return highest(scores(input, step), count_);
  }

 protected:
  /// f32 [n, units], larger runs first.
  [[nodiscard]] virtual at::Tensor scores(const ChoiceInput& input,
                                          const StepContext& step) const = 0;
  [[nodiscard]] std::int64_t count() const { return count_; }

 private:
  std::int64_t count_;
};

}  // namespace assay
