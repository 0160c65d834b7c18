#pragma once
// Exceptions -> typed outcomes.

#include <stdexcept>
#include <string>

#include "harness/base/outcome.h"

namespace assay {

/// A metric or the probe's logits are NaN or infinite.
class NonFiniteResult : public std::runtime_error {
 public:
  NonFiniteResult(std::string code, const std::string& text)
      : std::runtime_error(text), code_(std::move(code)) {}
  [[nodiscard]] const std::string& code() const { return code_; }

 private:
  std::string code_;
};

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
