#pragma once
// The results database: one SQLite file, written only by `assay`. See docs/formats/database.md.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "harness/base/json.h"
#include "harness/base/outcome.h"
#include "harness/protocol/protocol.h"

namespace assay {

/// A cell as the store keeps it; the planner's Cell without what only a run needs.
struct PlannedCell {
  std::int64_t ordinal = 0;
  std::string key, twin_key;
  Json key_doc;
  std::string method, params_json, model_name, model_hash, suite, suite_params_json, profile;
  std::uint64_t seed = 0;
  bool random_weights = false, limited = false;
};

/// One finished child process.
struct ProcessRecord {
  std::string pass;          ///< "fit", "score", "time"
  int order = 0;             ///< position in the interleaved order of the run
  std::optional<int> block;  ///< of the timing schedule
  std::int64_t pid = 0;
  std::string started_utc, ended_utc;
  int exit_code = 0;
  int signal = 0;
  std::int64_t peak_rss_bytes = 0;
  double cpu_seconds = 0;
  double wall_seconds = 0;
  double start_seconds = 0;       ///< until it first said something: the program and its libraries
  double between_seconds = 0;     ///< since the process before it ended: bookkeeping of `assay`
  double parent_cpu_seconds = 0;  ///< CPU time of `assay` while it ran
  double load1 = 0;
  std::string stderr_tail;
};

/// One row of the view `results`; a value without status OK is absent.
struct ResultRow {
  std::string experiment, model, method, params, suite, suite_params, metric, unit, convention;
  int direction = 0;
  std::string profile;
  std::int64_t seed = 0;
  std::string status, reason;
  std::optional<double> value, lo, hi;
  std::int64_t n = 0;
  std::optional<double> twin_value, ratio;
  std::string cell_key;
  bool random_weights = false, limited = false;
  std::string no_interval = {};  ///< why a value that could have an interval has none
  Basis basis = Basis::kUndeclared;
  std::string machine = {};  ///< where it was measured; empty: not known
  bool timed = false;        ///< by processes that were there for their times
  std::string origin = {};   ///< the file that it was read from; empty: measured into this one
};

/// A warning about a cell, and in how many of its processes it was said. Texts of one code that
/// differ in nothing but numbers are one remark, with the first one's text.
struct Remark {
  std::string cell_key;
  std::string level, code, text;
  std::int64_t processes = 0, of_processes = 0;
};

/// Where the time of an experiment's processes went, in seconds.
struct HarnessOverhead {
  std::int64_t processes = 0;
  double wall = 0;        ///< of the processes, from start to end
  double start = 0;       ///< of it: starting programs and libraries
  double load = 0;        ///< of it: reading models and artefacts
  double between = 0;     ///< outside of it: planning, storing
  double parent_cpu = 0;  ///< CPU time of `assay` while they ran
};

/// Processes of one pass that did the same for cells that are OK: how long they took, in seconds
/// with what `assay` did before each.
struct ProcessSpan {
  std::string pass, method, params, model, suite, suite_params, profile;
  double shortest = 0, longest = 0;
  std::int64_t processes = 0;
};

struct CellRecord;
struct Baseline;
struct ImportedAttempt;
struct TimedSeries;
struct ProcessTotal;
struct Origin;
struct HistoryPoint;

/// Another run closed an attempt of this one, because it found no sign of life of it any more: what
/// is measured from now on counts for nobody.
class AttemptLost : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// What became of the wish to begin attempts.
struct Begun {
  std::vector<std::int64_t> attempts;  ///< in the order of the keys; empty when none was begun
  std::string busy;                    ///< not empty: the live run that is at one of the cells
};

/// One connection to a results database. Used by one thread at a time; a second thread or program
/// opens its own. Every function may throw MachineError (locked, full, unreadable).
class Store {
 public:
  /// Creates or opens; migrates an older file after keeping a copy. Throws UserError for a file
  /// that is not ours or newer, MachineError for a locked, read-only or full place.
  static Store open(const std::filesystem::path& path);
  /// What open_read_only does with a file of an older schema.
  enum class Older {
    kCopy,    ///< brings a copy in memory up to date and reads that
    kRefuse,  ///< UserError: the file itself is going to be read
  };
  /// Opens without the right to write. Throws UserError when missing or empty.
  static Store open_read_only(const std::filesystem::path& path, Older older = Older::kCopy);
  Store(Store&&) noexcept;
  ~Store();
  struct Impl;  ///< internal

  /// On which machine attempts are made from now on, and for whom final_outcome answers: a hash
  /// that names it, and words for people. The file keeps a hash of `id` and of its own identity, so
  /// that two files do not tell that they saw the same machine. Without this call, no machine is
  /// kept.
  void use_machine(const std::string& id, const std::string& description);

  /// Freezes a plan; returns the experiment's id. The same name, resolved config and cell keys
  /// again return the stored one and make it the newest of its name.
  std::int64_t add_experiment(const std::string& name, const Json& resolved, std::uint64_t seed,
                              bool limited, const std::vector<PlannedCell>& cells);

  /// Final status of the newest attempt at a cell key, if any attempt has one; an interrupted
  /// attempt speaks only when there is no other. Absent, too, when it was timed on another machine
  /// than the one in use.
  [[nodiscard]] std::optional<OutcomeReason> final_outcome(const std::string& cell_key) const;
  /// True when the attempt that would speak for a cell key was timed on another machine.
  [[nodiscard]] bool timed_elsewhere(const std::string& cell_key) const;
  /// True when the newest OK attempt at a cell key has this metric, with a value or without.
  [[nodiscard]] bool has_metric(const std::string& cell_key, const std::string& tag) const;
  /// Number of the newest attempt in the file; 0 when there is none.
  [[nodiscard]] std::int64_t newest_attempt() const;
  /// True when an attempt at the cell that is newer than this number has a final status other than
  /// INTERRUPTED.
  [[nodiscard]] bool finished_since(const std::string& cell_key, std::int64_t attempt) const;
  /// Links a finished attempt of the same key from another experiment to this one's cell.
  bool reuse(std::int64_t experiment, const std::string& cell_key);

  /// `session` names one `assay run`; `schedule_seed` drew the order of its timed processes. A cell
  /// with a process of pass "time" gets a ratio only when its twin was timed in the same session:
  /// time the twin again together with new candidates.
  std::int64_t begin_attempt(std::int64_t experiment, const std::string& cell_key,
                             const std::string& session,
                             std::optional<std::int64_t> schedule_seed = {});
  /// Begins attempts at the cells whose keys `choose` gives: at all of them, or at none when
  /// another live run is at one of them. `choose` is asked inside of the transaction, so what it
  /// reads from this store holds until the attempts have begun.
  Begun begin_attempts(std::int64_t experiment, const std::string& session,
                       std::optional<std::int64_t> schedule_seed,
                       const std::function<std::vector<std::string>()>& choose);
  /// One transaction: the process, its samples, items, metrics, events and environment. Definitions
  /// are found by tag; a metric without one is kept as neutral and without unit. Throws
  /// std::invalid_argument for NaN or infinity and stores nothing then; AttemptLost, as the two
  /// below.
  void add_process(std::int64_t attempt, const ProcessRecord& process, const WorkerReply& reply,
                   const std::vector<MetricDef>& definitions);
  /// Adds or replaces summaries that the parent computed over several processes.
  void add_metrics(std::int64_t attempt, const std::vector<MetricValue>& values,
                   const std::vector<MetricDef>& definitions);
  /// What another program measured, in one transaction; `origin` names its file. Include
  /// harness/store/imported_attempt.h. Throws as add_process.
  void add_imported(std::int64_t attempt, const std::string& origin,
                    const ImportedAttempt& measured);
  /// What is said of an attempt's times as a whole: an event of each of its timed processes.
  void add_remark(std::int64_t attempt, const WorkerReply::Event& event);
  /// A final status never changes: a second call throws std::logic_error.
  void finish_attempt(std::int64_t attempt, const OutcomeReason& outcome);
  /// RUNNING attempts whose run is gone become INTERRUPTED. Returns how many.
  int close_stale_attempts();

  /// What an examination of the machine under a profile found; kept for good, newest first.
  void add_machine_check(const std::string& profile, const Json& document);
  [[nodiscard]] std::vector<Json> machine_checks(const std::string& profile) const;

  /// Fingerprint seen by the scoring pass of (artefact or model, dtype), if any.
  [[nodiscard]] std::optional<Fingerprint> fingerprint(const std::string& subject_key) const;
  void set_fingerprint(const std::string& subject_key, const Fingerprint& fingerprint);

  [[nodiscard]] std::vector<std::string> experiments() const;  ///< names, newest last
  /// Rows in plan order, of the newest plan of the name; of all experiments when `experiment` is
  /// empty.
  [[nodiscard]] std::vector<ResultRow> results(const std::string& experiment) const;
  /// title and resolved config of the newest experiment of that name.
  [[nodiscard]] Json experiment_config(const std::string& name) const;
  /// Cells of the newest plan of that name, in plan order, with all that was measured; include
  /// harness/store/records.h. Throws UserError for a name that is not there.
  [[nodiscard]] std::vector<CellRecord> cell_records(const std::string& experiment) const;
  /// The dense twins of its timed cells as they were measured in each cell's own session: one
  /// record for each key and session, OK all of them. Timing a group again leaves an older
  /// session's cells with twins that cell_records no longer shows.
  [[nodiscard]] std::vector<CellRecord> twin_records(const std::string& experiment) const;
  /// Copies the newest plan of `experiment` with what was measured out of the database `from` into
  /// this one, as experiment "NAME@COMMIT". Throws UserError when that is there already and not to
  /// be replaced, or a metric means something else there.
  void save_baseline(const std::filesystem::path& from, const std::string& experiment,
                     const std::string& name, const std::string& commit, bool replace);
  /// Saved baselines, newest last; include harness/store/records.h.
  [[nodiscard]] std::vector<Baseline> baselines() const;
  /// Key documents of cells of this method and suite that were measured, newest first; what
  /// nearest_document() of the planner compares with.
  [[nodiscard]] std::vector<Json> measured_keys(const std::string& method,
                                                const std::string& suite) const;
  /// Warnings of the cells of the newest plan of that name, in plan order; what touches a cell
  /// touches every metric of it.
  [[nodiscard]] std::vector<Remark> remarks(const std::string& experiment) const;
  /// Of all experiments, on the machine in use; of all machines without one.
  [[nodiscard]] std::vector<ProcessSpan> process_spans() const;
  /// Absent when nothing ran, or everything was measured before this was kept.
  [[nodiscard]] std::optional<HarnessOverhead> harness_overhead(
      const std::string& experiment) const;
  /// Descriptions of machines by the names that ResultRow has.
  [[nodiscard]] std::map<std::string, std::string> machines() const;
  /// Environment documents of the attempts of an experiment, without duplicates.
  [[nodiscard]] std::vector<Json> environments(const std::string& experiment) const;

  // For reports; include harness/store/report_records.h. All of the newest plan of the name.
  /// Raw values of every OK cell in plan order, by metric and process.
  [[nodiscard]] std::vector<TimedSeries> timed_series(const std::string& experiment) const;
  /// Child processes behind each cell, one entry a pass, in plan order.
  [[nodiscard]] std::vector<ProcessTotal> process_totals(const std::string& experiment) const;
  /// Files that the attempts behind cells were read from, by cell key: by `assay import`, or with
  /// another database by `assay db import`. Without those that were measured into this one.
  [[nodiscard]] std::map<std::string, std::string> imported_from(
      const std::string& experiment) const;
  /// Hashes of models, methods' sources and prepared data, sorted by kind and name.
  [[nodiscard]] std::vector<Origin> origins(const std::string& experiment) const;
  /// Every measurement of a metric in all plans and baselines, oldest first; one entry an attempt
  /// and experiment.
  [[nodiscard]] std::vector<HistoryPoint> history(const std::string& metric) const;
  [[nodiscard]] std::vector<std::string> metric_tags() const;

 private:
  explicit Store(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace assay
