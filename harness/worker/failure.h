#pragma once
// Exceptions -> typed outcomes.

#include <stdexcept>
#include <string>

#include "harness/base/outcome.h"

namespace assay {

/// A typed outcome found on the way: UNMET, INVALID.
class OutcomeFound : public std::runtime_error {
 public:
  explicit OutcomeFound(OutcomeReason reason)
      : std::runtime_error(reason.text), reason_(std::move(reason)) {}
  [[nodiscard]] const OutcomeReason& reason() const { return reason_; }

 private:
  OutcomeReason reason_;
};

/// Call from a catch block.
OutcomeReason outcome_of_current_exception();

}  // namespace assay
