#pragma once
// A request, from its first word to bye.

#include "harness/method/method.h"
#include "harness/protocol/protocol.h"
#include "harness/suite/suite.h"
#include "harness/worker/loaded_model.h"
#include "harness/worker/stop_flag.h"

namespace assay {

/// Everything a session needs from outside; references must outlive it.
struct SessionServices {
  const MethodRegistry& methods;
  const SuiteRegistry& suites;
  ReplyWriter& writer;
  const StopFlag& stop;
  KeptModel& kept;  ///< between the requests of a process
};

/// Does what the request asks and says all of it: hello first, an outcome, bye last. Failures of
/// the work become the outcome, which is returned as well. Throws std::system_error only when
/// nobody listens any more.
OutcomeReason serve(const WorkerRequest& request, const SessionServices& services);

/// Says "progress" at most ten times a second, and turns a stop request into Interrupted.
class ProgressReporter {
 public:
  ProgressReporter(ReplyWriter& writer, const StopFlag& stop) : writer_(writer), stop_(stop) {}
  /// Throws Interrupted when asked to stop.
  void check() const;
  void report(std::int64_t done, std::int64_t total, const std::string& what);

 private:
  ReplyWriter& writer_;
  const StopFlag& stop_;
  double last_ = 0;
};

/// Operation "fit": writes the artefact. Throws as the method does.
void fit(const WorkerRequest& request, const SessionServices& services);

/// Operation "machine": what this processor and memory give, in the request's dtype and threads.
/// suite_params {"work": "speed"}: metrics machine/gemm (FLOP/s), machine/bandwidth (B/s) and
/// machine/timer (s). {"work": "gemv" or "gemm"}: samples machine/latency of one small piece of
/// such work, for comparing a machine with itself.
void measure_machine(const WorkerRequest& request, const SessionServices& services);

/// Operations "score" and "time".
void run_suite(const WorkerRequest& request, const SessionServices& services);

/// Folder that vanishes with its owner, below `parent` or the system's place when that is empty.
class ScratchFolder {
 public:
  explicit ScratchFolder(const std::filesystem::path& parent);
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// The warnings of the model's checkpoint, as one remark for each code.
void say_warnings(const Model& model, ReplyWriter& writer);
/// {tag, value, n = 1}.
MetricValue plain_metric(const std::string& tag, double value);
/// Emits the peak resident memory of this process under this tag.
void emit_peak_rss(ReplyWriter& writer, const std::string& tag);

}  // namespace assay
