#include "harness/runner/runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <utility>

#include "harness/base/text.h"
#include "harness/measure/machine.h"
#include "harness/measure/machine_identity.h"
#include "harness/protocol/common_metrics.h"
#include "harness/runner/cell_runner.h"
#include "harness/runner/durations.h"
#include "harness/runner/job.h"
#include "harness/runner/machine_check.h"
#include "harness/runner/scratch.h"

namespace assay {
namespace {

constexpr std::chrono::milliseconds kLookEvery{500};

/// Of UNMET: what somebody can still get or mend, as opposed to what does not apply.
bool lacks_something(const OutcomeReason& outcome) {
  return outcome.code == "machine" || outcome.code == kBadData || outcome.code == kDataAbsent;
}

class PlanRun {
 public:
  PlanRun(const Plan& plan, const Catalogue& catalogue, Store& store, WorkerLauncher& launcher,
          Progress& progress, const RunOptions& options)
      : plan_(plan),
        catalogue_(catalogue),
        store_(store),
        launcher_(launcher),
        progress_(progress),
        options_(options),
        newest_at_start_(store.newest_attempt()),
        experiment_(freeze()),
        left_(plan),
        cells_(
            plan, catalogue, store, launcher, progress, left_, experiment_,
            {options.schedule_name, options.count_instructions, options.isolated, options.command},
            options.stop) {}

  RunSummary run() {
    const MachineIdentity machine = machine_identity();
    store_.use_machine(machine.id, machine.description);
    store_.close_stale_attempts();
    remove_abandoned_scratch();
    // Before the first worker: whoever is on a GPU now is none of ours.
    for (const std::string& id : plan_.experiment.profiles) {
      foreign_[id] = gpu_processes(catalogue_.profile(id));
    }
    std::vector<Job> all = jobs(), busy;
    for (const Job& job : all) expect(job);
    if (left_.done() < left_.cells()) left_.learn(Durations(store_.process_spans()));
    for (const Job& job : all) {
      if (Job left = take(job); !left.cells.empty()) busy.push_back(std::move(left));
    }
    wait_for_others(std::move(busy));
    summary_.fitted = cells_.fitted();
    summary_.not_run =
        static_cast<std::int64_t>(cell_count(all)) - summary_.ok - summary_.unmet - summary_.failed;
    return summary_;
  }

 private:
  struct Group {
    std::vector<const Cell*> missing;
    std::vector<std::pair<const Cell*, OutcomeReason>> stored;
  };

  std::int64_t freeze() {
    bool limited = false;
    for (const SuiteChoice& suite : plan_.experiment.suites) limited = limited || suite.limited;
    const auto& seeds = plan_.experiment.seeds;
    return store_.add_experiment(plan_.experiment.name, plan_.experiment.resolved(),
                                 seeds.empty() ? 0 : seeds.front(), limited, planned_cells(plan_));
  }

  [[nodiscard]] bool stopping() const {
    return summary_.interrupted || (options_.fail_fast && summary_.failed > 0);
  }

  void count(const OutcomeReason& outcome) {
    if (outcome.outcome == Outcome::kInterrupted) {
      summary_.interrupted = true;
    } else if (outcome.outcome == Outcome::kOk) {
      ++summary_.ok;
    } else if (outcome.outcome == Outcome::kUnmet) {
      ++summary_.unmet;
      if (lacks_something(outcome)) ++summary_.lacking;
    } else {
      ++summary_.failed;
    }
  }

  void reuse(const Cell& cell, const OutcomeReason& outcome) {
    store_.reuse(experiment_, cell.key);
    ++summary_.cached;
    left_.finish(cell);
    count(outcome);
  }

  [[nodiscard]] bool is_timed(const Cell& cell) const {
    return !cell.unmet && catalogue_.suite_kind(plan_.suite_of(cell).kind).stage == "time";
  }

  /// The stored outcome of a cell that need not run. What another run finished since this one began
  /// is as new as it would be here.
  [[nodiscard]] std::optional<OutcomeReason> settled(const Cell& cell) const {
    const auto stored = store_.final_outcome(cell.key);
    if (!stored || !stands(*stored) || lacks_count(cell, *stored)) return std::nullopt;
    const bool retry = options_.retry || !options_.only.empty();
    const bool again = (retry && stored->outcome != Outcome::kOk) ||
                       (is_timed(cell) && options_.again.contains(cell.key));
    return again && !store_.finished_since(cell.key, newest_at_start_) ? std::nullopt : stored;
  }

  [[nodiscard]] bool is_counted(const Cell& cell) const {
    return options_.count_instructions &&
           catalogue_.suite_kind(plan_.suite_of(cell).kind).name == kCountedKind;
  }

  [[nodiscard]] bool lacks_count(const Cell& cell, const OutcomeReason& stored) const {
    return is_counted(cell) && stored.outcome == Outcome::kOk &&
           !store_.has_metric(cell.key, kInstructionsTag);
  }

  [[nodiscard]] std::vector<Job> jobs() const {
    const auto& seeds = plan_.experiment.seeds;
    std::vector<Job> all = jobs_of(
        plan_, [this](const Cell& cell) { return is_timed(cell); },
        seeds.empty() ? 0 : seeds.front());
    if (options_.only.empty()) return all;
    const std::set<std::string> keys = chosen_keys();
    for (Job& job : all) {
      std::erase_if(job.cells, [&](const Cell* cell) { return !keys.contains(cell->key); });
    }
    std::erase_if(all, [](const Job& job) { return job.cells.empty(); });
    return all;
  }

  /// A time without its twin's of the same session is no ratio.
  [[nodiscard]] std::set<std::string> chosen_keys() const {
    std::set<std::string> keys = options_.only;
    for (const Cell& cell : plan_.cells) {
      if (options_.only.contains(cell.key) && is_timed(cell)) keys.insert(cell.twin_key);
    }
    return keys;
  }

  void expect(const Job& job) {
    const Group group = sort_out(job);
    const bool timed = job.kind == Job::Kind::kTimes;
    for (const Cell* cell : timed ? to_time(group, true) : group.missing) {
      left_.expect(*cell, timed, timed && is_counted(*cell));
    }
  }

  /// Does a job. Returns what of it other runs are at, so that it must be asked for again.
  Job take(const Job& job) {
    if (job.kind == Job::Kind::kTimes) return take_group(job) ? Job{job.kind, {}} : job;
    Job busy{job.kind, {}};
    std::unique_ptr<CellRunner::Scoring> scoring;
    for (const Cell* cell : job.cells) {
      if (!take_cell(*cell, scoring)) busy.cells.push_back(cell);
    }
    if (scoring) cells_.end_scoring(*scoring);
    return busy;
  }

  /// False when another run is at it. The worker is begun when the first cell needs it.
  bool take_cell(const Cell& cell, std::unique_ptr<CellRunner::Scoring>& scoring) {
    if (const auto stored = settled(cell)) {
      reuse(cell, *stored);
      return true;
    }
    if (stopping()) return true;
    CellRunner::Claim claim = cells_.claim([&] {
      return settled(cell) ? std::vector<const Cell*>{} : std::vector<const Cell*>{&cell};
    });
    if (!claim.busy.empty()) return wait_for(claim.busy);
    // Finished by another run just now.
    if (claim.attempts.empty()) return take_cell(cell, scoring);
    CellRunner::Attempt& attempt = claim.attempts.front();
    return kept(claim, [&] {
      if (!cell.unmet && !scoring) scoring = cells_.begin_scoring();
      count(cell.unmet ? cells_.end(attempt, *cell.unmet) : cells_.score(attempt, *scoring));
    });
  }

  /// Asked once a session, before the first time is taken.
  const std::vector<std::string>& unfit_here(const std::string& id) {
    const auto known = unfit_.find(id);
    if (known != unfit_.end()) return known->second;
    const ProfileEntry& profile = catalogue_.profile(id);
    std::vector<std::string>& reasons = unfit_[id];
    const auto& foreign = foreign_.at(id);
    if (!profile.asks_something() && (!foreign || foreign->empty())) return reasons;
    const auto hold = cells_.hold_machine(id, true);
    if (profile.asks_something()) {
      const std::optional<double> load = load_average();
      reasons = unfit_reasons(profile, measure_machine_speed(profile, launcher_), load);
    }
    for (std::string& reason : foreign_gpu_reasons(profile, still_there(foreign, profile))) {
      reasons.push_back(std::move(reason));
    }
    return reasons;
  }

  [[nodiscard]] Group sort_out(const Job& job) const {
    Group group;
    for (const Cell* cell : job.cells) {
      if (auto stored = settled(*cell)) {
        group.stored.emplace_back(cell, std::move(*stored));
      } else {
        group.missing.push_back(cell);
      }
    }
    return group;
  }

  /// A group is timed as a whole: a time of this hour is no twin for one of another hour. Where the
  /// machine is unfit, what was timed before stands.
  static std::vector<const Cell*> to_time(const Group& group, bool fit) {
    std::vector<const Cell*> arms = group.missing;
    if (arms.empty() || !fit) return arms;
    for (const auto& [cell, outcome] : group.stored) {
      if (outcome.outcome == Outcome::kOk) arms.push_back(cell);
    }
    std::sort(arms.begin(), arms.end(),
              [](const Cell* a, const Cell* b) { return a->ordinal < b->ordinal; });
    return arms;
  }

  void reuse_others(const Group& group, const std::vector<const Cell*>& arms) {
    for (const auto& [cell, outcome] : group.stored) {
      if (std::find(arms.begin(), arms.end(), cell) == arms.end()) reuse(*cell, outcome);
    }
  }

  bool take_group(const Job& job) {
    Group group = sort_out(job);
    if (stopping() || group.missing.empty()) {
      reuse_others(group, {});
      return true;
    }
    const std::vector<std::string>& unfit = unfit_here(job.cells.front()->profile);
    std::vector<const Cell*> arms;
    CellRunner::Claim claim = cells_.claim(
        [&] {
          group = sort_out(job);
          return arms = to_time(group, unfit.empty());
        },
        cells_.next_schedule_seed());
    if (!claim.busy.empty()) return wait_for(claim.busy);
    return kept(claim, [&] {
      measure_group(claim, unfit);
      reuse_others(group, arms);
    });
  }

  void measure_group(CellRunner::Claim& claim, const std::vector<std::string>& unfit) {
    if (claim.attempts.empty()) return;
    if (unfit.empty()) {
      for (const OutcomeReason& outcome : cells_.time(claim)) count(outcome);
      return;
    }
    const OutcomeReason refused{Outcome::kInvalid, "unfit_machine", join(unfit, "; ")};
    for (CellRunner::Attempt& attempt : claim.attempts) count(cells_.end(attempt, refused));
  }

  /// True when the claim held until `work` was done. What was lost to another run is asked for
  /// again, like what it was at from the beginning.
  template <typename Work>
  bool kept(CellRunner::Claim& claim, Work work) {
    try {
      work();
      return true;
    } catch (const AttemptLost& lost) {
      progress_.step(lost.what());
      cells_.abandon(claim);
      return false;
    }
  }

  bool wait_for(const std::string& other) {
    other_ = other;
    return false;
  }

  /// After its own work a run waits for what others are at, and takes it over or does it itself.
  void wait_for_others(std::vector<Job> busy) {
    bool said = false;
    while (!busy.empty()) {
      const std::size_t before = cell_count(busy);
      std::vector<Job> still;
      for (const Job& job : busy) {
        if (Job left = take(job); !left.cells.empty()) still.push_back(std::move(left));
      }
      busy = std::move(still);
      if (busy.empty() || cell_count(busy) < before) continue;
      const std::string text = fmt::format(
          "waiting for another run on this database ({}) to finish {} cells that are "
          "left; Ctrl-C stops waiting",
          other_, cell_count(busy));
      if (!std::exchange(said, true)) progress_.step(text);
      progress_.live(text);
      pause();
    }
  }

  void pause() {
    std::mutex mutex;
    std::unique_lock lock(mutex);
    std::condition_variable_any nobody;
    nobody.wait_for(lock, options_.stop, kLookEvery, [] { return false; });
    if (options_.stop.stop_requested()) summary_.interrupted = true;
  }

  const Plan& plan_;
  const Catalogue& catalogue_;
  Store& store_;
  WorkerLauncher& launcher_;
  Progress& progress_;
  RunOptions options_;
  std::int64_t newest_at_start_;  ///< attempt
  std::int64_t experiment_;
  RemainingWork left_;
  CellRunner cells_;
  RunSummary summary_;
  std::string other_;                                      ///< the run that was waited for last
  std::map<std::string, std::vector<std::string>> unfit_;  ///< by profile, once asked
  std::map<std::string, std::optional<std::vector<std::int64_t>>> foreign_;  ///< likewise
};

}  // namespace

ExitCode RunSummary::exit_code() const {
  if (interrupted) return ExitCode::kInterrupted;
  return failed > 0 || not_run > 0 || lacking > 0 || ok == 0 ? ExitCode::kNotMeasured
                                                             : ExitCode::kOk;
}

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

std::vector<PlannedCell> planned_cells(const Plan& plan) {
  std::vector<PlannedCell> cells;
  for (const Cell& cell : plan.cells) {
    const MethodChoice& method = plan.method_of(cell);
    const SuiteChoice& suite = plan.suite_of(cell);
    const ResolvedModel& model = plan.model_of(cell);
    cells.push_back({.ordinal = cell.ordinal,
                     .key = cell.key,
                     .twin_key = cell.twin_key,
                     .key_doc = cell.key_doc,
                     .method = method.id,
                     .params_json = canonical_json(method.all_params()),
                     .model_name = model.choice.id,
                     .model_hash = model.hash,
                     .suite = suite.id,
                     .suite_params_json = canonical_json(suite.params),
                     .profile = cell.profile,
                     .seed = cell.seed,
                     .random_weights = model.choice.random_weights,
                     .limited = suite.limited});
  }
  return cells;
}

RunSummary run_plan(const Plan& plan, const Catalogue& catalogue, Store& store,
                    WorkerLauncher& launcher, Progress& progress, const RunOptions& options) {
  return PlanRun(plan, catalogue, store, launcher, progress, options).run();
}

}  // namespace assay
