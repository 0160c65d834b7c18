#include "harness/runner/cell_launcher.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "harness/base/clock.h"
#include "harness/base/text.h"
#include "harness/runner/core_shares.h"
#include "harness/runner/requests.h"
#include "harness/runner/unpaused.h"

namespace assay {
namespace {

/// A fit is made once for all, and its time stays with the artefact.
void remark_on_company(const WorkerRequest& request, std::size_t others, WorkerRun& run) {
  const auto& metrics = run.reply.metrics;
  const bool took_time = std::any_of(metrics.begin(), metrics.end(), [](const MetricValue& value) {
    return value.tag == "fit/seconds";
  });
  if (request.op != "fit" || others == 0 || !took_time) return;
  run.reply.events.push_back(
      {"warning", "fit_shared",
       fmt::format("up to {} other workers of the same run were at work during the fit: "
                   "fit/seconds is longer than it takes alone",
                   others)});
}

}  // namespace

CellLauncher::CellLauncher(const Plan& plan, const Catalogue& catalogue, WorkerLauncher& launcher,
                           Progress& progress, RemainingWork& left, Monitor& monitor)
    : plan_(plan),
      catalogue_(catalogue),
      launcher_(launcher),
      progress_(progress),
      left_(left),
      monitor_(monitor),
      company_(monitor),
      places_(1) {
  places_.front().idle_since = monotonic_seconds();
}

std::string CellLauncher::placed(const std::string& text) const {
  return fmt::format("[{}/{}] {}", left_.done(), left_.cells(), text);
}

std::string CellLauncher::doing() const {
  std::vector<std::string> all;
  for (const Place& place : places_) {
    if (!place.doing.empty()) all.push_back(place.doing);
  }
  return placed(join(all, " | "));
}

void CellLauncher::begin(std::size_t number) {
  Place& place = places_.at(number);
  if (place.paused_since > 0) place.idle_since += monotonic_seconds() - place.paused_since;
  place.paused_since = 0;
}

void CellLauncher::pause(std::size_t place) {
  places_.at(place).paused_since = monotonic_seconds();
}

void CellLauncher::wait_outside(std::size_t place, const std::function<void()>& work) {
  const double asked = monotonic_seconds();
  monitor_.outside(work);
  places_.at(place).idle_since += monotonic_seconds() - asked;  // waiting is no bookkeeping
}

void CellLauncher::say_outside(const std::string& text) {
  const auto inside = monitor_.enter();
  progress_.step(text);
}

std::unique_ptr<CellLauncher::Hold> CellLauncher::hold_machine(const std::string& profile,
                                                               bool alone, std::size_t place) {
  const double asked = monotonic_seconds();
  auto hold = std::make_unique<Hold>(company_, alone);
  places_.at(place).idle_since += monotonic_seconds() - asked;
  wait_outside(place, [&] {
    hold->machine = launcher_.hold(machine_use(catalogue_.profile(profile), alone),
                                   [this](const std::string& what) {
                                     say_outside("waiting for other work on this machine: " + what);
                                   });
  });
  return hold;
}

WorkerRun CellLauncher::launch(const Cell& cell, WorkerRequest request, const std::string& what,
                               Launch how, std::size_t place, WorkerSession* session) {
  const bool timed = how == Launch::kTimed;
  // Whoever times holds the machine over the whole group.
  const auto hold = timed ? nullptr : hold_machine(cell.profile, how == Launch::kAlone, place);
  if (how == Launch::kShared) {
    request.cores = share_of_cores(request.cores, request.threads, place, places_.size());
  }
  left_.begin(cell, how == Launch::kCounting ? "count" : request.op);
  places_.at(place).doing = what;
  WorkerLimits limits = cell_limits(plan_, catalogue_, cell);
  limits.count_instructions = how == Launch::kCounting;
  limits.timed = timed || how == Launch::kAlone;
  const double between = monotonic_seconds() - places_.at(place).idle_since;
  WorkerRun run = watched(request, limits, timed, place, session);
  places_.at(place).idle_since = monotonic_seconds();
  places_.at(place).doing.clear();
  run.process.between_seconds = between;
  if (hold) remark_on_company(request, hold->member.others(), run);
  if (run.outcome.outcome == Outcome::kOk) {
    left_.end(cell, run.process.wall_seconds + between);
  } else {
    left_.fail(cell);
  }
  return run;
}

WorkerRun CellLauncher::watched(const WorkerRequest& request, const WorkerLimits& limits,
                                bool timed, std::size_t place, WorkerSession* session) {
  const std::string what = places_.at(place).doing;
  const std::string at_start = left_.text();
  const Progress::Left left_now = [this] { return left_.text(); };
  progress_.live(doing(), at_start);
  const auto show = [&](const ReplyReader::Progress& report) {
    // Who measures is not kept waiting for the screen.
    monitor_.if_free([&] {
      places_.at(place).doing =
          fmt::format("{}, {}/{} {}", what, report.done, report.total, report.what);
      // Beside what looks at the clock nothing is reckoned.
      limits.timed ? progress_.live(doing(), at_start) : progress_.live(doing(), left_now);
    });
  };
  return monitor_.outside([&] {
    return session ? session->run(request, limits, show)
           : timed ? run_unpaused(launcher_, request, limits, show)
                   : launcher_.run(request, limits, show);
  });
}

}  // namespace assay
