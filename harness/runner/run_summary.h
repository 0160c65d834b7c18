#pragma once
// What became of the cells of a run.

#include <cstdint>

#include "harness/base/errors.h"
#include "harness/base/outcome.h"

namespace assay {

struct RunSummary {
  std::int64_t ok = 0, unmet = 0, failed = 0;  ///< cells, cached ones included
  std::int64_t lacking = 0;  ///< of `unmet`: the machine lacks device or cores, or the data are bad
  std::int64_t cached = 0;   ///< cells whose stored outcome was reused
  std::int64_t not_run = 0;  ///< left over by an interrupt or --fail-fast
  std::int64_t fitted = 0;   ///< artefacts made
  bool interrupted = false;
  /// The outcome of one more cell.
  void count(const OutcomeReason& outcome);
  /// 0: every cell is OK, or UNMET for what the method or model is or for data that are not here;
  /// 3: some cell failed, was not run, needs a machine that this one is not or has bad data, or
  /// none is OK; 130: interrupted.
  [[nodiscard]] ExitCode exit_code() const;
};

}  // namespace assay
