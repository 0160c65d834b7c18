#include "harness/runner/run_summary.h"

#include "harness/plan/plan.h"

namespace assay {
namespace {

/// Of UNMET: what somebody can still get or mend, as opposed to what does not apply.
bool lacks_something(const OutcomeReason& outcome) {
  return outcome.code == "machine" || outcome.code == kBadData || outcome.code == kDataAbsent;
}

}  // namespace

void RunSummary::count(const OutcomeReason& outcome) {
  if (outcome.outcome == Outcome::kInterrupted) {
    interrupted = true;
  } else if (outcome.outcome == Outcome::kOk) {
    ++ok;
  } else if (outcome.outcome == Outcome::kUnmet) {
    ++unmet;
    if (lacks_something(outcome)) ++lacking;
  } else {
    ++failed;
  }
}

ExitCode RunSummary::exit_code() const {
  if (interrupted) return ExitCode::kInterrupted;
  return failed > 0 || not_run > 0 || lacking > 0 || ok == 0 ? ExitCode::kNotMeasured
                                                             : ExitCode::kOk;
}

}  // namespace assay
