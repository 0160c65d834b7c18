#pragma once
// The typed status of an attempt at a cell.

#include <array>
#include <string>
#include <string_view>

namespace assay {

/// Texts of these are stored in databases: add, never change. See docs/formats/database.md.
enum class Outcome {
  kQueued,
  kRunning,
  kOk,
  kUnmet,    ///< method, suite, data or device does not apply; the reason says why
  kInvalid,  ///< numbers exist but may not be used
  kNan,
  kOom,
  kTimeout,
  kCrashed,
  kInterrupted,
};

inline constexpr std::array kAllOutcomes = {
    Outcome::kQueued,  Outcome::kRunning,    Outcome::kOk,  Outcome::kUnmet,
    Outcome::kInvalid, Outcome::kNan,        Outcome::kOom, Outcome::kTimeout,
    Outcome::kCrashed, Outcome::kInterrupted};

/// "OK", "UNMET", ...
std::string_view outcome_name(Outcome outcome);
/// Inverse of outcome_name; throws std::invalid_argument for an unknown text.
Outcome outcome_from_name(std::string_view name);

/// An outcome with a short machine-readable code ("signal:SIGSEGV") and a sentence for people.
struct OutcomeReason {
  Outcome outcome = Outcome::kOk;
  std::string code;
  std::string text;
};

}  // namespace assay
