#include "harness/runner/runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <stop_token>
#include <utility>

#include "harness/base/text.h"
#include "harness/measure/machine_identity.h"
#include "harness/runner/cell_runner.h"
#include "harness/runner/durations.h"
#include "harness/runner/job.h"
#include "harness/runner/local_executor.h"
#include "harness/runner/machine_fitness.h"
#include "harness/runner/monitor.h"
#include "harness/runner/planned_cells.h"
#include "harness/runner/scratch.h"
#include "harness/runner/side_by_side.h"

namespace assay {
namespace {

constexpr std::chrono::milliseconds kLookEvery{500};

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
        on_stop_(options.stop, [this] { stop_.request_stop(); }),
        stored_(plan, catalogue, store, options_),
        experiment_(freeze()),
        left_(plan),
        cells_(
            plan, catalogue, store, launcher, progress, left_, monitor_, experiment_,
            {options.schedule_name, options.count_instructions, options.isolated, options.command},
            stop_.get_token()),
        fitness_(plan, catalogue, launcher, cells_.workers()) {}

  RunSummary run() {
    const auto inside = monitor_.enter();
    const MachineIdentity machine = machine_identity();
    store_.use_machine(machine.id, machine.description);
    store_.close_stale_attempts();
    remove_abandoned_scratch();
    const std::vector<Job> all = jobs();
    for (const Job& job : all) expect(job);
    if (left_.done() < left_.cells()) left_.learn(Durations(store_.process_spans()));
    use_places(all);
    wait_for_others(take_all(all));
    summary_.fitted = cells_.fitted();
    summary_.not_run =
        static_cast<std::int64_t>(cell_count(all)) - summary_.ok - summary_.unmet - summary_.failed;
    return summary_;
  }

 private:
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

  void reuse(const Cell& cell, const OutcomeReason& outcome) {
    store_.reuse(experiment_, cell.key);
    ++summary_.cached;
    left_.finish(cell);
    summary_.count(outcome);
  }

  [[nodiscard]] std::vector<Job> jobs() const {
    const auto& seeds = plan_.experiment.seeds;
    std::vector<Job> all = jobs_of(
        plan_, [this](const Cell& cell) { return stored_.is_timed(cell); },
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
      if (options_.only.contains(cell.key) && stored_.is_timed(cell)) keys.insert(cell.twin_key);
    }
    return keys;
  }

  void expect(const Job& job) {
    const SortedCells group = stored_.sort_out(job.cells);
    const bool timed = job.kind == Job::Kind::kTimes;
    for (const Cell* cell : timed ? cells_to_time(group, true) : group.missing) {
      left_.expect(*cell, timed, timed && stored_.is_counted(*cell));
    }
  }

  /// As many as there is work for.
  void use_places(const std::vector<Job>& all) {
    std::size_t jobs = 0;
    for (const Job& job : all) {
      if (job.kind == Job::Kind::kScores && is_expected(job)) ++jobs;
    }
    places_ = std::clamp<std::size_t>(jobs, 1, options_.jobs);
    left_.use_places(places_);
    cells_.workers().use_places(places_);
    for (const std::string& note : notes_on_places(plan_, catalogue_, places_)) {
      progress_.step(note);
    }
  }

  /// Does jobs, first those that need no quiet machine. Returns what of them other runs are at.
  std::vector<Job> take_all(const std::vector<Job>& jobs) {
    std::deque<Job> beside, alone;
    for (const Job& job : jobs) (job.kind == Job::Kind::kTimes ? alone : beside).push_back(job);
    std::vector<Job> busy = take_beside(std::move(beside));
    cells_.workers().begin(0);
    for (const Job& job : alone) {
      if (!take_group(job)) busy.push_back(job);
    }
    return busy;
  }

  /// Several at a time.
  std::vector<Job> take_beside(std::deque<Job> waiting) {
    LocalExecutor executor(
        monitor_, places_,
        [this](const Job& job, std::size_t place) { return take_at(job, place); },
        [this] { cancel(); });
    std::vector<Job> busy;
    while (true) {
      submit_to(executor, waiting, busy);
      if (executor.at_work().empty()) return busy;
      if (Job left = executor.poll(); !left.cells.empty()) busy.push_back(std::move(left));
    }
  }

  /// What waits for workers, and what waits for other programs.
  void cancel() {
    stop_.request_stop();
    launcher_.cancel();
  }

  /// As many as can begin now: at least one where nothing is at work. What needs no worker is done.
  void submit_to(Executor& executor, std::deque<Job>& waiting, std::vector<Job>& busy) {
    while (executor.has_room()) {
      const auto next = next_job(waiting, executor.at_work(), [this](const Job& a, const Job& b) {
        return in_each_others_way(plan_, catalogue_, a, b);
      });
      if (next == waiting.end()) return;
      Job job = std::move(*next);
      waiting.erase(next);
      if (job.kind == Job::Kind::kKnown) {
        if (Job left = take(job, 0); !left.cells.empty()) busy.push_back(std::move(left));
      } else if (is_expected(job) || !reuse_all(job)) {
        executor.submit(std::move(job));
      }
    }
  }

  [[nodiscard]] bool is_expected(const Job& job) const {
    return std::any_of(job.cells.begin(), job.cells.end(),
                       [this](const Cell* cell) { return left_.is_expected(*cell); });
  }

  bool reuse_all(const Job& job) {
    const SortedCells group = stored_.sort_out(job.cells);
    if (group.missing.empty()) reuse_others(group, {});
    return group.missing.empty();
  }

  Job take_at(const Job& job, std::size_t place) {
    cells_.workers().begin(place);
    Job busy = take(job, place);
    cells_.workers().pause(place);
    return busy;
  }

  /// Does a job at a place. Returns what of it other runs are at, so that it must be asked for
  /// again.
  Job take(const Job& job, std::size_t place) {
    Job busy{job.kind, {}};
    std::unique_ptr<CellRunner::Scoring> scoring;
    for (const Cell* cell : job.cells) {
      if (!take_cell(*cell, place, scoring)) busy.cells.push_back(cell);
    }
    if (scoring) cells_.end_scoring(*scoring);
    return busy;
  }

  /// False when another run is at it. The worker is begun when the first cell needs it.
  bool take_cell(const Cell& cell, std::size_t place,
                 std::unique_ptr<CellRunner::Scoring>& scoring) {
    if (const auto stored = stored_.settled(cell)) {
      reuse(cell, *stored);
      return true;
    }
    if (stopping()) return true;
    CellRunner::Claim claim = cells_.claim(
        [&] {
          return stored_.settled(cell) ? std::vector<const Cell*>{}
                                       : std::vector<const Cell*>{&cell};
        },
        place);
    if (!claim.busy.empty()) return wait_for(claim.busy);
    remark_on_tries(claim);
    // Finished by another run just now.
    if (claim.attempts.empty()) return take_cell(cell, place, scoring);
    CellRunner::Attempt& attempt = claim.attempts.front();
    bool again = false;
    const bool held = kept(claim, [&] {
      if (!cell.unmet && !scoring) scoring = cells_.begin_scoring(place);
      const OutcomeReason outcome =
          cell.unmet ? cells_.end(attempt, *cell.unmet) : cells_.score(attempt, *scoring);
      again = try_again(attempt, outcome);
      if (!again) summary_.count(outcome);
    });
    return again ? take_cell(cell, place, scoring) : held;
  }

  /// Whether the cell of an attempt that has ended is tried again at once.
  bool try_again(const CellRunner::Attempt& attempt, const OutcomeReason& outcome) {
    const Cell& cell = *attempt.cell;
    if (attempt.inherits || stopping() || stop_.stop_requested()) return false;
    if (!stored_.try_again(cell, attempt.id, outcome)) return false;
    cells_.forget_failed_fits(cell);
    left_.expect(cell, stored_.is_timed(cell), stored_.is_counted(cell));
    progress_.step("  tried again at once");
    return true;
  }

  /// What came out once may come out again: it stands beside the result.
  void remark_on_tries(CellRunner::Claim& claim) const {
    for (CellRunner::Attempt& attempt : claim.attempts) {
      const auto before = stored_.before(*attempt.cell);
      if (!before) continue;
      attempt.cached_events.push_back(
          {"warning", "tried_again",
           fmt::format("the attempt before, in the same run, ended {} ({}): {}",
                       outcome_name(before->outcome), before->code, before->text)});
    }
  }

  void reuse_others(const SortedCells& group, const std::vector<const Cell*>& arms) {
    for (const auto& [cell, outcome] : group.settled) {
      if (std::find(arms.begin(), arms.end(), cell) == arms.end()) reuse(*cell, outcome);
    }
  }

  bool take_group(const Job& job) {
    SortedCells group = stored_.sort_out(job.cells);
    if (stopping() || group.missing.empty()) {
      reuse_others(group, {});
      return true;
    }
    const std::vector<std::string>& unfit = fitness_.reasons_against(job.cells.front()->profile);
    std::vector<const Cell*> arms;
    CellRunner::Claim claim = cells_.claim(
        [&] {
          group = stored_.sort_out(job.cells);
          return arms = cells_to_time(group, unfit.empty());
        },
        0, cells_.next_schedule_seed());
    if (!claim.busy.empty()) return wait_for(claim.busy);
    remark_on_tries(claim);
    bool again = false;
    const bool held = kept(claim, [&] {
      again = measure_group(claim, unfit);
      if (!again) reuse_others(group, arms);
    });
    if (again) expect(job);
    return again ? take_group(job) : held;
  }

  /// True when the group is to be timed again at once, as a whole.
  bool measure_group(CellRunner::Claim& claim, const std::vector<std::string>& unfit) {
    if (claim.attempts.empty()) return false;
    std::vector<OutcomeReason> outcomes;
    const OutcomeReason refused{Outcome::kInvalid, "unfit_machine", join(unfit, "; ")};
    if (unfit.empty()) outcomes = cells_.time(claim);
    for (CellRunner::Attempt& attempt : claim.attempts) {
      if (!unfit.empty()) outcomes.push_back(cells_.end(attempt, refused));
    }
    bool again = false;
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
      again = try_again(claim.attempts[i], outcomes[i]) || again;
    }
    for (const OutcomeReason& outcome : outcomes) {
      if (!again) summary_.count(outcome);
    }
    return again;
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
      busy = take_all(busy);
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
    nobody.wait_for(lock, stop_.get_token(), kLookEvery, [] { return false; });
    if (stop_.stop_requested()) summary_.interrupted = true;
  }

  const Plan& plan_;
  const Catalogue& catalogue_;
  Store& store_;
  WorkerLauncher& launcher_;
  Progress& progress_;
  RunOptions options_;
  std::stop_source stop_;
  std::stop_callback<std::function<void()>> on_stop_;  ///< hands a stop on
  Monitor monitor_;
  StoredOutcomes stored_;
  std::int64_t experiment_;
  RemainingWork left_;
  CellRunner cells_;
  MachineFitness fitness_;
  std::size_t places_ = 1;  ///< for jobs that are done at the same time
  RunSummary summary_;
  std::string other_;  ///< the run that was waited for last
};

}  // namespace

RunSummary run_plan(const Plan& plan, const Catalogue& catalogue, Store& store,
                    WorkerLauncher& launcher, Progress& progress, const RunOptions& options) {
  return PlanRun(plan, catalogue, store, launcher, progress, options).run();
}

}  // namespace assay
