#include "harness/base/outcome.h"

#include <stdexcept>

namespace assay {

std::string_view outcome_name(Outcome outcome) {
  switch (outcome) {
    case Outcome::kQueued:
      return "QUEUED";
    case Outcome::kRunning:
      return "RUNNING";
    case Outcome::kOk:
      return "OK";
    case Outcome::kUnmet:
      return "UNMET";
    case Outcome::kInvalid:
      return "INVALID";
    case Outcome::kNan:
      return "NAN";
    case Outcome::kOom:
      return "OOM";
    case Outcome::kTimeout:
      return "TIMEOUT";
    case Outcome::kCrashed:
      return "CRASHED";
    case Outcome::kInterrupted:
      return "INTERRUPTED";
  }
  throw std::invalid_argument("outcome out of range");
}

Outcome outcome_from_name(std::string_view name) {
  for (Outcome outcome : kAllOutcomes) {
    if (outcome_name(outcome) == name) return outcome;
  }
  throw std::invalid_argument("unknown outcome '" + std::string(name) + "'");
}

}  // namespace assay
