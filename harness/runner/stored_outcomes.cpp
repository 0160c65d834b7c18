#include "harness/runner/stored_outcomes.h"

#include <algorithm>

#include "harness/protocol/common_metrics.h"

namespace assay {

bool stands(const OutcomeReason& outcome) {
  // A file that is cut off while it is mapped ends the worker with SIGBUS. SIGTERM is somebody who
  // needed the machine.
  static const std::set<std::string> kOfTheMachine = {
      "machine",          "file",   "unfit_machine", "unfit_build",   "throttled", "model_changed",
      "artefact_changed", "paused", "signal:SIGBUS", "signal:SIGTERM"};
  // Files that were gone for a moment were once UNMET too.
  if (outcome.outcome == Outcome::kUnmet && outcome.code == "bad_input") return false;
  return outcome.outcome != Outcome::kQueued && outcome.outcome != Outcome::kRunning &&
         outcome.outcome != Outcome::kInterrupted && !kOfTheMachine.contains(outcome.code);
}

std::vector<const Cell*> cells_to_time(const SortedCells& group, bool fit) {
  std::vector<const Cell*> arms = group.missing;
  if (arms.empty() || !fit) return arms;
  for (const auto& [cell, outcome] : group.settled) {
    if (outcome.outcome == Outcome::kOk) arms.push_back(cell);
  }
  std::sort(arms.begin(), arms.end(),
            [](const Cell* a, const Cell* b) { return a->ordinal < b->ordinal; });
  return arms;
}

StoredOutcomes::StoredOutcomes(const Plan& plan, const Catalogue& catalogue, const Store& store,
                               const RunOptions& options)
    : plan_(plan),
      catalogue_(catalogue),
      store_(store),
      options_(options),
      newest_at_start_(store.newest_attempt()) {}

bool StoredOutcomes::is_timed(const Cell& cell) const {
  return !cell.unmet && catalogue_.suite_kind(plan_.suite_of(cell).kind).stage == "time";
}

bool StoredOutcomes::is_counted(const Cell& cell) const {
  return options_.count_instructions &&
         catalogue_.suite_kind(plan_.suite_of(cell).kind).name == kCountedKind;
}

bool StoredOutcomes::lacks_count(const Cell& cell, const OutcomeReason& stored) const {
  return is_counted(cell) && stored.outcome == Outcome::kOk &&
         !store_.has_metric(cell.key, kInstructionsTag);
}

bool StoredOutcomes::is_asked_again(const Cell& cell, const OutcomeReason& stored) const {
  if (stored.outcome == Outcome::kOk) return is_timed(cell) && options_.again.contains(cell.key);
  return options_.retry || !options_.only.empty() ||
         options_.retry_outcomes.contains(stored.outcome) ||
         (is_timed(cell) && options_.again.contains(cell.key));
}

std::optional<OutcomeReason> StoredOutcomes::settled(const Cell& cell) const {
  auto stored = store_.final_outcome(cell.key);
  if (!stored || !stands(*stored) || lacks_count(cell, *stored)) return std::nullopt;
  const auto tries = tries_.find(cell.key);
  if (tries != tries_.end()) {
    return store_.finished_since(cell.key, tries->second.last) ? stored : std::nullopt;
  }
  const bool again = is_asked_again(cell, *stored);
  return again && !store_.finished_since(cell.key, newest_at_start_) ? std::nullopt : stored;
}

SortedCells StoredOutcomes::sort_out(const std::vector<const Cell*>& cells) const {
  SortedCells sorted;
  for (const Cell* cell : cells) {
    if (auto stored = settled(*cell)) {
      sorted.settled.emplace_back(cell, std::move(*stored));
    } else {
      sorted.missing.push_back(cell);
    }
  }
  return sorted;
}

bool StoredOutcomes::try_again(const Cell& cell, std::int64_t attempt,
                               const OutcomeReason& outcome) {
  if (is_timed(cell) && !options_.retry_now.timed_groups) return false;
  const auto known = tries_.find(cell.key);
  const int number = known == tries_.end() ? 0 : known->second.number;
  if (!options_.retry_now.allows(outcome, number)) return false;
  tries_[cell.key] = {number + 1, attempt, outcome};
  return true;
}

std::optional<OutcomeReason> StoredOutcomes::before(const Cell& cell) const {
  const auto tries = tries_.find(cell.key);
  return tries == tries_.end() ? std::nullopt : std::optional(tries->second.outcome);
}

}  // namespace assay
