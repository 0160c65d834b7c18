#pragma once
// Which cells need not run, because of what the store has of them.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "harness/plan/plan.h"
#include "harness/runner/run_options.h"
#include "harness/store/store.h"

namespace assay {

/// True for outcomes that stand until `--retry`: everything but queued, running, interrupted, and
/// what was the machine's fault at that hour (a full disk, a file that was gone, no such device,
/// load, a debug build).
bool stands(const OutcomeReason& outcome);

struct SortedCells {
  std::vector<const Cell*> missing;
  std::vector<std::pair<const Cell*, OutcomeReason>> settled;
};

/// A group is timed as a whole: a time of this hour is no twin for one of another hour. Where the
/// machine is unfit, what was timed before stands. In the order of the plan.
std::vector<const Cell*> cells_to_time(const SortedCells& group, bool fit);

/// Asked of the cells of one run. Everything that it is given must outlive it.
class StoredOutcomes {
 public:
  StoredOutcomes(const Plan& plan, const Catalogue& catalogue, const Store& store,
                 const RunOptions& options);

  /// The stored outcome of a cell that need not run. What another run finished since this one began
  /// is as new as it would be here.
  [[nodiscard]] std::optional<OutcomeReason> settled(const Cell& cell) const;
  [[nodiscard]] SortedCells sort_out(const std::vector<const Cell*>& cells) const;
  [[nodiscard]] bool is_timed(const Cell& cell) const;
  [[nodiscard]] bool is_counted(const Cell& cell) const;

  /// Whether a cell whose attempt ended so is to be tried again at once; if so, it is not settled
  /// any more until a newer attempt has ended.
  bool try_again(const Cell& cell, std::int64_t attempt, const OutcomeReason& outcome);
  /// How the attempt before in this run ended, where there was one.
  [[nodiscard]] std::optional<OutcomeReason> before(const Cell& cell) const;

 private:
  /// Attempts of this run at a cell that is tried again.
  struct Tries {
    int number = 0;
    std::int64_t last = 0;  ///< attempt
    OutcomeReason outcome;
  };
  [[nodiscard]] bool lacks_count(const Cell& cell, const OutcomeReason& stored) const;
  [[nodiscard]] bool is_asked_again(const Cell& cell, const OutcomeReason& stored) const;

  const Plan& plan_;
  const Catalogue& catalogue_;
  const Store& store_;
  const RunOptions& options_;
  std::int64_t newest_at_start_;  ///< attempt
  std::map<std::string, Tries> tries_;
};

}  // namespace assay
