// The timing half of CellRunner.

#include <fmt/format.h>

#include <string>
#include <utility>

#include "harness/base/hashing.h"
#include "harness/runner/cell_runner.h"
#include "harness/runner/machine_check.h"
#include "harness/runner/requests.h"
#include "harness/runner/schedule.h"
#include "harness/runner/scratch.h"
#include "harness/runner/summaries.h"

namespace assay {

std::vector<OutcomeReason> CellRunner::time(const std::vector<const Cell*>& cells) {
  const std::uint64_t seed = next_schedule_seed();
  std::vector<Attempt> arms;
  bool stopped = false;
  const auto note = [&](const Attempt& arm) {
    stopped = stopped || (arm.ended && arm.ended->outcome == Outcome::kInterrupted);
  };
  for (const Cell* cell : cells) {
    arms.push_back(begin(*cell, static_cast<std::int64_t>(seed)));
    if (!stopped) ensure_artefact(arms.back());
    note(arms.back());
  }
  const auto processes = static_cast<std::size_t>(plan_.experiment.processes_per_arm);
  for (const Turn& turn : interleaved_order(arms.size(), processes, seed)) {
    Attempt& arm = arms[turn.arm];
    if (stopped || arm.ended) continue;
    time_once(arm, turn.block);
    note(arm);
  }
  std::vector<OutcomeReason> outcomes;
  for (Attempt& arm : arms) {
    if (!stopped) count_instructions(arm);
    note(arm);
    outcomes.push_back(finish_timed(arm, stopped));
  }
  return outcomes;
}

OutcomeReason CellRunner::finish_timed(Attempt& arm, bool stopped) {
  if (stopped && !arm.ended) {
    arm.ended = OutcomeReason{Outcome::kInterrupted, "stopped",
                              "the run was stopped before the group was complete"};
  }
  if (arm.ended) return finish(arm, {});
  const std::vector<MetricValue> summaries = summarise_processes(arm.replies);
  store_.add_metrics(arm.id, summaries, definitions_for(kind_of(*arm.cell), summaries, {}));
  return finish(arm, summaries);
}

/// Another one for every group and session, so that chance decides each time which arm is first.
std::uint64_t CellRunner::next_schedule_seed() {
  const std::string text = (timing_.schedule_name.empty() ? session_ : timing_.schedule_name) +
                           " " + std::to_string(groups_timed_++);
  return std::stoull(sha256_hex(text).substr(0, 12), nullptr, 16);
}

void CellRunner::time_once(Attempt& arm, std::size_t block) {
  const std::size_t round = arm.replies.size() + 1;
  const ScratchFolder scratch;
  WorkerRequest request = cell_request(plan_, catalogue_, *arm.cell, scratch.path());
  const std::string subject = fingerprint_subject(plan_, catalogue_, *arm.cell);
  request.expected = store_.fingerprint(subject);
  WorkerRun run =
      launch(arm, request,
             fmt::format("time, process {} of {}", round, plan_.experiment.processes_per_arm));
  compare_fingerprints(*arm.cell, request.expected, run);
  const std::string unfit = unfit_build(run.reply.environment);
  if (run.outcome.outcome == Outcome::kOk && !unfit.empty()) {
    run.outcome = {Outcome::kInvalid, "unfit_build", unfit};
  }
  run.process.block = static_cast<int>(block);
  add_process(arm, run, "time");
  if (run.outcome.outcome != Outcome::kOk) {
    arm.ended = run.outcome;
    return;
  }
  if (!request.expected && run.reply.fingerprint) {
    // Nothing was scored: the first process is what the later ones are held to.
    store_.set_fingerprint(subject, *run.reply.fingerprint);
  }
  arm.replies.push_back(std::move(run.reply));
}

/// The worker compares too; this side does not depend on its word.
void CellRunner::compare_fingerprints(const Cell& cell, const std::optional<Fingerprint>& expected,
                                      WorkerRun& run) {
  if (run.outcome.outcome != Outcome::kOk || !expected || !run.reply.fingerprint) return;
  const double distance = fingerprint_distance(*expected, *run.reply.fingerprint);
  const double tolerance = fingerprint_tolerance(catalogue_.profile(cell.profile).dtype);
  if (distance <= tolerance) return;
  run.outcome = {
      Outcome::kInvalid, "fingerprint_mismatch",
      fmt::format("the timed model differs from the scored one: logits are {:.2g} apart, "
                  "allowed is {:.2g}",
                  distance, tolerance)};
}

}  // namespace assay
