#pragma once
// Starts and watches the workers of cells, at one of several places.

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "harness/config/catalogue.h"
#include "harness/plan/plan.h"
#include "harness/runner/company.h"
#include "harness/runner/launcher.h"
#include "harness/runner/monitor.h"
#include "harness/runner/progress.h"
#include "harness/runner/remaining_work.h"

namespace assay {

/// What else may run on the machine's cores meanwhile, and how the process is watched.
enum class Launch {
  kShared,
  kAlone,     ///< a fit that looks at the clock
  kTimed,     ///< one of a timed group, which holds the machine
  kCounting,  ///< its instructions are counted
};

/// For threads inside of the monitor, which step out of it while they wait. Everything that it is
/// given must outlive it. A place does one thing after the other; places have numbers from 0 on.
class CellLauncher {
 public:
  CellLauncher(const Plan& plan, const Catalogue& catalogue, WorkerLauncher& launcher,
               Progress& progress, RemainingWork& left, Monitor& monitor);

  /// How many work at the same time; 1 without this. Before anything is launched.
  void use_places(std::size_t places) { places_.resize(places, places_.front()); }
  /// A place has something to do, or waits for that: its waiting is no bookkeeping.
  void begin(std::size_t place);
  void pause(std::size_t place);

  /// Nobody else is in the way as long as it lives.
  struct Hold {
    Hold(Company& company, bool alone) : member(company.join(alone)) {}
    Company::Member member;
    std::unique_ptr<MachineHold> machine;
  };
  /// Waits until what a profile uses is free, of this run and of others, and says so. `alone`:
  /// times are going to be taken.
  std::unique_ptr<Hold> hold_machine(const std::string& profile, bool alone, std::size_t place = 0);

  /// Runs a worker to the end of its answer, of the session where there is one. `what` is for the
  /// live line: "scoring news-ppl: dense".
  WorkerRun launch(const Cell& cell, WorkerRequest request, const std::string& what, Launch how,
                   std::size_t place = 0, WorkerSession* session = nullptr);

  /// Does outside of the monitor what waits for others; `say` may be called there.
  void wait_outside(std::size_t place, const std::function<void()>& work);
  /// A line on the screen, for a thread outside.
  void say_outside(const std::string& text);
  /// "[3/16] TEXT": how many cells of the plan are done.
  [[nodiscard]] std::string placed(const std::string& text) const;

 private:
  struct Place {
    double idle_since = 0;    ///< monotonic seconds: end of the process before
    double paused_since = 0;  ///< 0: it has something to do
    std::string doing;        ///< "" while no worker is at work for it
  };
  WorkerRun watched(const WorkerRequest& request, const WorkerLimits& limits, bool timed,
                    std::size_t place, WorkerSession* session);
  /// What all places do, for the live line.
  [[nodiscard]] std::string doing() const;

  const Plan& plan_;
  const Catalogue& catalogue_;
  WorkerLauncher& launcher_;
  Progress& progress_;
  RemainingWork& left_;
  Monitor& monitor_;
  Company company_;
  std::vector<Place> places_;
};

}  // namespace assay
