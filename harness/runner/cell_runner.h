#pragma once
// Runs single cells: fit, score, and the groups of timing cells.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "harness/config/catalogue.h"
#include "harness/plan/plan.h"
#include "harness/runner/artefacts.h"
#include "harness/runner/launcher.h"
#include "harness/runner/progress.h"
#include "harness/store/store.h"

namespace assay {

/// The cells of one `assay run`. Everything that it is given must outlive it.
class CellRunner {
 public:
  CellRunner(const Plan& plan, const Catalogue& catalogue, Store& store, WorkerLauncher& launcher,
             Progress& progress, std::int64_t experiment);

  /// Stores an outcome that is known without running anything.
  OutcomeReason record(const Cell& cell, const OutcomeReason& outcome);
  /// Fits if needed, then scores in one worker.
  OutcomeReason score(const Cell& cell);
  /// Fits what is missing, then times the cells in short processes, A B B A. All cells share model,
  /// suite and profile. Returns one outcome a cell, in their order.
  std::vector<OutcomeReason> time(const std::vector<const Cell*>& cells);

  [[nodiscard]] std::int64_t fitted() const { return fitted_; }

 private:
  /// One cell while it runs.
  struct Attempt {
    const Cell* cell = nullptr;
    std::int64_t id = 0;
    double started = 0;                             ///< monotonic seconds
    std::vector<WorkerReply::Event> cached_events;  ///< of a fit that an earlier attempt did
    std::vector<WorkerReply> replies;               ///< of the timing processes so far
    std::optional<OutcomeReason> ended;             ///< set when the cell can go no further
  };

  Attempt begin(const Cell& cell);
  OutcomeReason finish(Attempt& attempt, const std::vector<MetricValue>& shown);
  /// Makes the artefact when it is missing, adds its figures to the attempt, or ends the attempt.
  void ensure_artefact(Attempt& attempt);
  std::optional<FitRecord> fit(Attempt& attempt);
  WorkerRun launch(const Attempt& attempt, const WorkerRequest& request, const std::string& what);
  /// Stores a finished process; its reply is left as it was stored.
  void add_process(Attempt& attempt, WorkerRun& run, const std::string& pass);
  void time_once(Attempt& attempt, std::int64_t round);
  void compare_fingerprints(const Cell& cell, const std::optional<Fingerprint>& expected,
                            WorkerRun& run);
  void report(const Attempt& attempt, const OutcomeReason& outcome,
              const std::vector<MetricValue>& shown);
  [[nodiscard]] std::string title(const Cell& cell) const;
  [[nodiscard]] const SuiteKindEntry& kind_of(const Cell& cell) const;

  const Plan& plan_;
  const Catalogue& catalogue_;
  Store& store_;
  WorkerLauncher& launcher_;
  Progress& progress_;
  std::int64_t experiment_;
  std::string session_;
  int order_ = 0;
  std::int64_t fitted_ = 0;
  std::map<std::string, OutcomeReason> failed_fits_;
};

}  // namespace assay
