#pragma once
// Runs single cells: fit, score, and the groups of timing cells.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "harness/config/catalogue.h"
#include "harness/plan/plan.h"
#include "harness/runner/artefacts.h"
#include "harness/runner/cell_launcher.h"
#include "harness/runner/launcher.h"
#include "harness/runner/monitor.h"
#include "harness/runner/progress.h"
#include "harness/runner/remaining_work.h"
#include "harness/runner/scratch.h"
#include "harness/stats/adaptive_stop.h"
#include "harness/store/store.h"

namespace assay {

/// How cells are run.
struct CellOptions {
  /// What the seeds of the schedules come from; the session's id when empty.
  std::string schedule_name = {};
  bool count_instructions = false;  ///< of kernels, by callgrind, once for each timed cell
  bool isolated = false;            ///< a worker of its own for every score
  std::string command = {};         ///< that runs a failed cell again with " --only KEY" behind it
};

/// The cells of one `assay run`, for threads inside of the monitor: each does other cells, at a
/// place of its own. Everything that it is given must outlive it.
class CellRunner {
 public:
  /// `left` is told of every process and outcome; `stop` ends waiting for what another program
  /// fits.
  CellRunner(const Plan& plan, const Catalogue& catalogue, Store& store, WorkerLauncher& launcher,
             Progress& progress, RemainingWork& left, Monitor& monitor, std::int64_t experiment,
             CellOptions options = {}, std::stop_token stop = {});
  /// Where its workers are started.
  [[nodiscard]] CellLauncher& workers() { return workers_; }

  /// One cell while it runs.
  struct Attempt {
    const Cell* cell = nullptr;
    std::int64_t id = 0;
    std::size_t place = 0;
    double started = 0;     ///< monotonic seconds
    bool inherits = false;  ///< it ended as a fit did that another attempt made
    std::vector<WorkerReply::Event> cached_events;  ///< of a fit that an earlier attempt did
    std::vector<WorkerReply> replies;               ///< of the timing processes so far
    std::optional<OutcomeReason> ended;             ///< set when the cell can go no further
    Json counted_environment = Json::object();      ///< of the process under callgrind
    [[nodiscard]] bool was_stopped() const {
      return ended && ended->outcome == Outcome::kInterrupted;
    }
  };
  /// For cells of one model with one artefact, one after the other.
  struct Scoring {
    ScratchFolder scratch;
    std::unique_ptr<WorkerSession> workers;
    std::size_t place = 0;
  };
  std::unique_ptr<Scoring> begin_scoring(std::size_t place);
  /// Lets the worker end; says so where that did not go well.
  void end_scoring(Scoring& scoring);
  /// Cells that are this run's and no other's until they are finished.
  struct Claim {
    std::vector<Attempt> attempts;  ///< empty: nothing was chosen, or a cell is busy
    std::string busy;               ///< the live run that is at one of the cells, in words
    std::uint64_t schedule_seed = 0;
  };
  /// Asks for the cells that `choose` gives; what that reads from the store holds until they are
  /// claimed. All of them, or none.
  Claim claim(const std::function<std::vector<const Cell*>()>& choose, std::size_t place = 0,
              std::optional<std::uint64_t> schedule_seed = {});

  /// The three below finish what was claimed; AttemptLost when another run took it over meanwhile.
  /// Stores an outcome that is known without running anything.
  OutcomeReason end(Attempt& attempt, const OutcomeReason& outcome);
  /// Fits if needed, then scores in a worker of this session.
  OutcomeReason score(Attempt& attempt, Scoring& scoring);
  /// Fits what is missing, then times the cells in short processes, A B B A or B A A B by chance.
  /// All cells share model, suite and profile. Returns one outcome a cell, in their order.
  std::vector<OutcomeReason> time(Claim& claim);
  /// Another one for every group and session, so that chance decides each time which arm is first.
  std::uint64_t next_schedule_seed();
  /// Lets go of what is left of a claim of which a part was lost.
  void abandon(Claim& claim);
  /// Fits of a cell that failed are made again when somebody needs them.
  void forget_failed_fits(const Cell& cell);

  [[nodiscard]] std::int64_t fitted() const { return fitted_; }

 private:
  OutcomeReason finish(Attempt& attempt, const std::vector<MetricValue>& shown);
  /// Makes the artefact when it is missing, adds its figures to the attempt, or ends the attempt.
  void ensure_artefact(Attempt& attempt);
  std::optional<FitRecord> cached(const FitJob& job);
  std::optional<FitRecord> fit(Attempt& attempt, const FitJob& job);
  std::optional<FitRecord> fit_alone(Attempt& attempt, const FitJob& job);
  /// True when a fit that it needs has failed before: so does the attempt.
  bool inherits_failure(Attempt& attempt, const FitJob& job) const;
  /// Stores a finished process; its reply is left as it was stored.
  void add_process(Attempt& attempt, WorkerRun& run, const std::string& pass);
  bool time_arms(std::vector<Attempt>& arms, std::uint64_t seed);
  bool enough(const std::vector<Attempt>& arms, AdaptiveStop& stop, std::size_t blocks,
              double seconds) const;
  void remark_on_width(const std::vector<Attempt>& arms, double seconds);
  void remark_unlocked(const std::vector<Attempt>& arms, const std::string& problem);
  void time_once(Attempt& attempt, std::size_t block);
  OutcomeReason finish_timed(Attempt& attempt, bool stopped);
  /// Adds the metric where it was asked for and the suite has it.
  void count_instructions(Attempt& attempt);
  MetricValue count_once(Attempt& attempt);
  void compare_fingerprints(const Cell& cell, const std::optional<Fingerprint>& expected,
                            WorkerRun& run);
  void report(const Attempt& attempt, const OutcomeReason& outcome,
              const std::vector<MetricValue>& shown);
  /// How to run a cell again that failed.
  void say_again(const Cell& cell, const OutcomeReason& outcome);
  /// "timing decode: wanda sparsity=0.5", with the model where there are several.
  [[nodiscard]] std::string on_suite(const std::string& doing, const Cell& cell) const;
  [[nodiscard]] std::string fitting(const Cell& cell, const FitJob& job) const;
  [[nodiscard]] const SuiteKindEntry& kind_of(const Cell& cell) const;

  const Plan& plan_;
  const Catalogue& catalogue_;
  Store& store_;
  WorkerLauncher& launcher_;
  Progress& progress_;
  RemainingWork& left_;
  Monitor& monitor_;
  CellLauncher workers_;
  std::int64_t experiment_;
  std::string session_;
  CellOptions options_;
  std::stop_token stop_;
  int order_ = 0;
  std::int64_t groups_timed_ = 0;
  std::int64_t fitted_ = 0;
  std::map<std::string, OutcomeReason> failed_fits_;
};

}  // namespace assay
