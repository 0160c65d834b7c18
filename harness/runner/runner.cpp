#include "harness/runner/runner.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "harness/base/text.h"
#include "harness/measure/machine.h"
#include "harness/protocol/common_metrics.h"
#include "harness/runner/cell_runner.h"
#include "harness/runner/machine_check.h"
#include "harness/runner/schedule.h"
#include "harness/runner/scratch.h"

namespace assay {
namespace {

/// Cells that are timed against each other: same model, suite and profile.
using GroupKey = std::tuple<std::size_t, std::size_t, std::string>;

class PlanRun {
 public:
  PlanRun(const Plan& plan, const Catalogue& catalogue, Store& store, WorkerLauncher& launcher,
          Progress& progress, const RunOptions& options)
      : plan_(plan),
        catalogue_(catalogue),
        store_(store),
        launcher_(launcher),
        options_(options),
        experiment_(freeze()),
        cells_(plan, catalogue, store, launcher, progress, experiment_,
               {options.schedule_name, options.count_instructions}) {}

  RunSummary run() {
    store_.close_stale_attempts();
    remove_abandoned_scratch();
    // Before the first worker: whoever is on a GPU now is none of ours.
    for (const std::string& id : plan_.experiment.profiles) {
      foreign_[id] = gpu_processes(catalogue_.profile(id));
    }
    std::vector<const Cell*> to_score;
    std::map<GroupKey, Group> groups;
    for (const Cell& cell : plan_.cells) sort_out(cell, to_score, groups);
    for (const Cell* cell : to_score) {
      if (!stopping()) count(cells_.score(*cell));
    }
    time_groups(groups);
    summary_.fitted = cells_.fitted();
    summary_.not_run = static_cast<std::int64_t>(plan_.cells.size()) - summary_.ok -
                       summary_.unmet - summary_.failed;
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
      if (outcome.code == "machine") ++summary_.lacking;
    } else {
      ++summary_.failed;
    }
  }

  void reuse(const Cell& cell, const OutcomeReason& outcome) {
    store_.reuse(experiment_, cell.key);
    ++summary_.cached;
    count(outcome);
  }

  void sort_out(const Cell& cell, std::vector<const Cell*>& to_score,
                std::map<GroupKey, Group>& groups) {
    const auto stored = store_.final_outcome(cell.key);
    const bool timed = catalogue_.suite_kind(plan_.suite_of(cell).kind).stage == "time";
    const bool done = stored && stands(*stored) &&
                      (!options_.retry || stored->outcome == Outcome::kOk) &&
                      !(timed && options_.again.contains(cell.key)) && !lacks_count(cell, *stored);
    Group* group = timed && !cell.unmet ? &groups[{cell.model, cell.suite, cell.profile}] : nullptr;
    if (done && group != nullptr) {
      group->stored.emplace_back(&cell, *stored);
    } else if (done) {
      reuse(cell, *stored);
    } else if (cell.unmet) {
      count(cells_.record(cell, *cell.unmet));
    } else if (group != nullptr) {
      group->missing.push_back(&cell);
    } else {
      to_score.push_back(&cell);
    }
  }

  [[nodiscard]] bool lacks_count(const Cell& cell, const OutcomeReason& stored) const {
    return options_.count_instructions && stored.outcome == Outcome::kOk &&
           catalogue_.suite_kind(plan_.suite_of(cell).kind).name == kCountedKind &&
           !store_.has_metric(cell.key, kInstructionsTag);
  }

  void time_groups(std::map<GroupKey, Group>& groups) {
    std::vector<Group*> list;
    for (auto& [key, group] : groups) list.push_back(&group);
    const auto& seeds = plan_.experiment.seeds;
    for (const std::size_t index : seeded_order(list.size(), seeds.empty() ? 0 : seeds.front())) {
      time_group(*list[index]);
    }
  }

  /// Asked once a session, before the first time is taken.
  const std::vector<std::string>& unfit_here(const std::string& id) {
    const auto known = unfit_.find(id);
    if (known != unfit_.end()) return known->second;
    const ProfileEntry& profile = catalogue_.profile(id);
    std::vector<std::string>& reasons = unfit_[id];
    if (profile.asks_something()) {
      const std::optional<double> load = load_average();
      reasons = unfit_reasons(profile, measure_machine_speed(profile, launcher_), load);
    }
    for (std::string& reason : foreign_gpu_reasons(profile, foreign_.at(id))) {
      reasons.push_back(std::move(reason));
    }
    return reasons;
  }

  /// What was timed before stands; what is missing says why it was not.
  void refuse(const Group& group, const std::vector<std::string>& reasons) {
    for (const auto& [cell, outcome] : group.stored) {
      if (outcome.outcome == Outcome::kOk) reuse(*cell, outcome);
    }
    for (const Cell* cell : group.missing) {
      count(cells_.record(*cell, {Outcome::kInvalid, "unfit_machine", join(reasons, "; ")}));
    }
  }

  /// A group is timed as a whole: a time of this hour is no twin for one of another hour.
  void time_group(const Group& group) {
    const bool run = !group.missing.empty() && !stopping();
    std::vector<const Cell*> arms;
    for (const auto& [cell, outcome] : group.stored) {
      if (run && outcome.outcome == Outcome::kOk) {
        arms.push_back(cell);
      } else {
        reuse(*cell, outcome);
      }
    }
    if (!run) return;
    arms.insert(arms.end(), group.missing.begin(), group.missing.end());
    const std::vector<std::string>& unfit = unfit_here(arms.front()->profile);
    if (!unfit.empty()) {
      refuse(group, unfit);
      return;
    }
    std::sort(arms.begin(), arms.end(),
              [](const Cell* a, const Cell* b) { return a->ordinal < b->ordinal; });
    for (const OutcomeReason& outcome : cells_.time(arms)) count(outcome);
  }

  const Plan& plan_;
  const Catalogue& catalogue_;
  Store& store_;
  WorkerLauncher& launcher_;
  RunOptions options_;
  std::int64_t experiment_;
  CellRunner cells_;
  RunSummary summary_;
  std::map<std::string, std::vector<std::string>> unfit_;  ///< by profile, once asked
  std::map<std::string, std::optional<std::vector<std::int64_t>>> foreign_;  ///< likewise
};

Json params_with_calibration(const MethodChoice& method) {
  Json params = method.params;
  if (method.calibration) params["calibration"] = method.calibration->to_json();
  return params;
}

}  // namespace

ExitCode RunSummary::exit_code() const {
  if (interrupted) return ExitCode::kInterrupted;
  return failed > 0 || not_run > 0 || lacking > 0 || ok == 0 ? ExitCode::kNotMeasured
                                                             : ExitCode::kOk;
}

bool stands(const OutcomeReason& outcome) {
  static const std::set<std::string> kOfTheMachine = {"machine", "unfit_machine", "unfit_build",
                                                      "throttled"};
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
                     .params_json = canonical_json(params_with_calibration(method)),
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
