#pragma once
// What of a plan is still to be done, and how long that will take.

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "harness/base/clock.h"
#include "harness/plan/plan.h"
#include "harness/runner/durations.h"

namespace assay {

/// Seconds, and the passes ("fit") of which nothing is known yet.
struct TimeLeft {
  SecondsRange seconds;
  std::set<std::string> unknown;
  bool overdue = false;  ///< what runs takes longer than anything like it did
};

/// "about 3 min left", "2 to 5 min left"; where something is unknown, "at least 2 min left, unknown
/// until the first timed process is done" or "time left unknown until the first fit is done".
std::string estimate_text(const TimeLeft& estimate);

/// The cells of a run that are not finished. Used by one thread at a time.
class RemainingWork {
 public:
  using Clock = std::function<double()>;

  /// `plan` must outlive this.
  explicit RemainingWork(const Plan& plan, Clock now = monotonic_seconds);

  /// How many fits and scores run at a time; 1 without this.
  void use_places(std::size_t places) { places_ = places; }

  /// What is known before anything runs.
  void learn(Durations known) { known_ = std::move(known); }

  /// A cell is going to be run: scored, or timed and perhaps counted too.
  void expect(const Cell& cell, bool timed, bool counted);
  [[nodiscard]] bool is_expected(const Cell& cell) const { return pending_.contains(&cell); }
  /// A process for the cell begins; it has one at a time.
  void begin(const Cell& cell, const std::string& pass);
  /// It has ended well; `seconds` with all that it took to start it.
  void end(const Cell& cell, double seconds);
  /// It has ended ill: what it took says nothing, and a cell gets no further one of its pass.
  void fail(const Cell& cell);
  /// What was done of the cell is lost.
  void begin_again(const Cell& cell);
  /// An artefact is there now.
  void fitted(const std::string& artefact_key);
  /// The cell's outcome is known, whatever it is.
  void finish(const Cell& cell);

  [[nodiscard]] std::size_t cells() const { return plan_.cells.size(); }
  [[nodiscard]] std::size_t done() const { return cells() - pending_.size(); }
  [[nodiscard]] TimeLeft estimate() const;
  [[nodiscard]] std::string text() const { return estimate_text(estimate()); }

 private:
  struct Pending {
    bool timed = false, counted = false;
    ProcessKind kind = {};      ///< with no pass yet
    std::size_t processes = 0;  ///< timed ones that have ended
    bool failed = false;
  };
  /// A fit that is to be made, and how many cells wait for it.
  struct Fit {
    ProcessKind kind;
    std::size_t cells = 0;
  };
  /// Cells that are timed together, by model, suite and profile.
  using GroupKey = std::tuple<std::size_t, std::size_t, std::string>;
  struct Group {
    SecondsRange fewest;  ///< of the processes that are taken in any case
    double most = 0;      ///< of all that may be taken
  };
  static GroupKey group_of(const Cell& cell) { return {cell.model, cell.suite, cell.profile}; }

  void expect_fits(const Cell& cell, const ProcessKind& kind);
  /// Adds one process; or says that nothing is known of its pass.
  void add(const ProcessKind& kind, TimeLeft& sum) const;
  [[nodiscard]] std::map<GroupKey, Group> groups(TimeLeft& sum) const;
  void add_groups(TimeLeft& sum) const;
  /// A process that runs.
  struct Running {
    ProcessKind kind;
    double began = 0;
  };
  /// Whether it is one of those that are taken in any case.
  [[nodiscard]] bool runs_surely(const Cell* cell, const Running& running) const;
  /// Takes off what is over of the processes that run one at a time, or beside one another.
  void take_running(bool beside, TimeLeft& sum) const;
  [[nodiscard]] TimeLeft fits_and_scores() const;
  [[nodiscard]] TimeLeft times_and_counts() const;

  const Plan& plan_;
  Durations known_;
  Clock now_;
  std::map<const Cell*, Pending> pending_;
  std::map<std::string, Fit> fits_;   ///< by artefact
  std::map<GroupKey, double> spent_;  ///< seconds of timed processes of a group in this run
  std::map<const Cell*, Running> running_;
  std::size_t places_ = 1;
};

}  // namespace assay
