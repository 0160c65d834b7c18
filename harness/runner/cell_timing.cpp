// The timing half of CellRunner.

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "harness/base/clock.h"
#include "harness/base/hashing.h"
#include "harness/protocol/fingerprint.h"
#include "harness/runner/cell_runner.h"
#include "harness/runner/machine_check.h"
#include "harness/runner/requests.h"
#include "harness/runner/sampling.h"
#include "harness/runner/schedule.h"
#include "harness/runner/scratch.h"
#include "harness/runner/summaries.h"

namespace assay {

std::vector<OutcomeReason> CellRunner::time(Claim& claim) {
  const std::uint64_t seed = claim.schedule_seed;
  std::vector<Attempt>& arms = claim.attempts;
  bool stopped = false;
  for (Attempt& arm : arms) {
    if (!stopped) ensure_artefact(arm);
    stopped = stopped || arm.was_stopped();
  }
  stopped = stopped || !time_arms(arms, seed);
  std::vector<OutcomeReason> outcomes;
  for (Attempt& arm : arms) {
    if (!stopped) count_instructions(arm);
    stopped = stopped || arm.was_stopped();
    outcomes.push_back(finish_timed(arm, stopped));
  }
  return outcomes;
}

/// False when it was stopped before the group was complete.
bool CellRunner::time_arms(std::vector<Attempt>& arms, std::uint64_t seed) {
  const auto has_ended = [](const Attempt& arm) { return arm.ended.has_value(); };
  if (std::all_of(arms.begin(), arms.end(), has_ended)) return true;
  const Experiment& experiment = plan_.experiment;
  const auto hold = workers_.hold_machine(arms.front().cell->profile, true);
  AdaptiveStop stop = stop_rule(experiment);
  const double start = monotonic_seconds();
  std::size_t block = 0;
  for (const Turn& turn : interleaved_order(arms.size(), most_processes(experiment), seed)) {
    if (turn.block != block && experiment.sampling.adapts() &&
        enough(arms, stop, turn.block, monotonic_seconds() - start)) {
      break;
    }
    block = turn.block;
    Attempt& arm = arms[turn.arm];
    if (!arm.ended) time_once(arm, turn.block);
    if (arm.was_stopped()) return false;
  }
  remark_on_width(arms, monotonic_seconds() - start);
  if (!hold->machine->problem.empty()) remark_unlocked(arms, hold->machine->problem);
  return true;
}

/// All arms go on until the last one's interval is narrow enough: they are compared.
bool CellRunner::enough(const std::vector<Attempt>& arms, AdaptiveStop& stop, std::size_t blocks,
                        double seconds) const {
  std::optional<double> widest = 0;
  for (const Attempt& arm : arms) {
    if (arm.ended) continue;
    const auto width = widest_interval(kind_of(*arm.cell), arm.replies).half_width;
    widest = width && widest ? std::optional(std::max(*width, *widest)) : std::nullopt;
  }
  return stop.look(blocks * kProcessesPerBlock, widest, seconds, kProcessesPerBlock);
}

void CellRunner::remark_on_width(const std::vector<Attempt>& arms, double seconds) {
  const Sampling& sampling = plan_.experiment.sampling;
  if (!sampling.adapts()) return;
  for (const Attempt& arm : arms) {
    if (arm.ended) continue;
    const WidestInterval widest = widest_interval(kind_of(*arm.cell), arm.replies);
    if (widest.within(sampling.target_interval)) continue;
    const std::string text = wide_interval_text(widest, arm.replies.size(), seconds, sampling);
    store_.add_remark(arm.id, {"warning", "times_wide_interval", text});
  }
}

void CellRunner::remark_unlocked(const std::vector<Attempt>& arms, const std::string& problem) {
  const std::string text =
      problem +
      ": another assay may have timed or scored on these cores meanwhile; set ASSAY_LOCKS to a "
      "folder that everybody may write to";
  for (const Attempt& arm : arms) store_.add_remark(arm.id, {"warning", "machine_unlocked", text});
}

OutcomeReason CellRunner::finish_timed(Attempt& arm, bool stopped) {
  if (stopped && !arm.ended) {
    arm.ended = OutcomeReason{Outcome::kInterrupted, "stopped",
                              "the run was stopped before the group was complete"};
  }
  if (arm.ended) return finish(arm, {});
  const std::vector<MetricValue> summaries = summarise_processes(kind_of(*arm.cell), arm.replies);
  store_.add_metrics(arm.id, summaries, definitions_for(kind_of(*arm.cell), summaries, {}));
  return finish(arm, summaries);
}

std::uint64_t CellRunner::next_schedule_seed() {
  const std::string text = (options_.schedule_name.empty() ? session_ : options_.schedule_name) +
                           " " + std::to_string(groups_timed_++);
  return std::stoull(sha256_hex(text).substr(0, 12), nullptr, 16);
}

void CellRunner::time_once(Attempt& arm, std::size_t block) {
  const std::size_t round = arm.replies.size() + 1;
  const ScratchFolder scratch;
  WorkerRequest request = cell_request(plan_, catalogue_, *arm.cell, scratch.path());
  const std::string subject = fingerprint_subject(plan_, catalogue_, *arm.cell);
  request.expected = store_.fingerprint(subject);
  WorkerRun run = workers_.launch(*arm.cell, request,
                                  fmt::format("{}, process {}", on_suite("timing", *arm.cell),
                                              process_place(round, plan_.experiment)),
                                  Launch::kTimed);
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

/// The worker compares too; this side depends on its word only for how much rounding may do, and
/// within bounds.
void CellRunner::compare_fingerprints(const Cell& cell, const std::optional<Fingerprint>& expected,
                                      WorkerRun& run) {
  if (run.outcome.outcome != Outcome::kOk || !expected || !run.reply.fingerprint) return;
  const double distance = fingerprint_distance(*expected, *run.reply.fingerprint);
  const double tolerance = allowed_by(run.reply, catalogue_.profile(cell.profile).dtype);
  if (distance <= tolerance) return;
  run.outcome = {
      Outcome::kInvalid, "fingerprint_mismatch",
      fmt::format("the timed model differs from the scored one: logits are {:.2g} apart, "
                  "allowed is {:.2g}",
                  distance, tolerance)};
}

}  // namespace assay
