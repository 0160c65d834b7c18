#include "harness/worker/session.h"

#include <chrono>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "harness/base/clock.h"
#include "harness/base/errors.h"
#include "harness/base/files.h"
#include "harness/base/text.h"
#include "harness/measure/affinity.h"
#include "harness/measure/machine.h"
#include "harness/measure/memory.h"
#include "harness/measure/torch_environment.h"
#include "harness/model/kernels/subnormals.h"
#include "harness/worker/export.h"
#include "harness/worker/failure.h"
#include "harness/worker/heartbeat.h"

namespace assay {
namespace {

constexpr std::chrono::seconds kHeartbeat{10};
constexpr double kProgressSeconds = 0.1;

/// Before anything computes: threads inherit the cores of the one that starts them.
void prepare_threads(const WorkerRequest& request) {
  pin_to_cores(request.cores);
  use_threads(request.threads);
  // Fits, scores and times alike: what is timed is what was scored. Where a processor has no such
  // mode, the environment says so.
  (void)flush_subnormals();
}

Json environment(const WorkerRequest& request) {
  Json document = machine_environment();
  if (!request.dtype.empty()) document["dtype"] = request.dtype;
  if (!request.device.empty()) document["device"] = request.device;
  document["torch"] = torch_environment();
  document["subnormals"] = subnormals_are_flushed() ? "flushed" : "kept";
  return document;
}

void do_operation(const WorkerRequest& request, const SessionServices& services) {
  if (request.op == "fit") {
    fit(request, services);
  } else if (request.op == "export") {
    export_model(request, services);
  } else if (request.op == "machine") {
    measure_machine(request, services);
  } else {
    run_suite(request, services);
  }
}

template <typename Work>
OutcomeReason outcome_of(Work work) {
  try {
    work();
    return {.outcome = Outcome::kOk, .code = "", .text = ""};
  } catch (...) {
    return outcome_of_current_exception();
  }
}

}  // namespace

OutcomeReason serve(const WorkerRequest& request, const SessionServices& services) {
  OutcomeReason outcome = outcome_of([&] { prepare_threads(request); });
  services.writer.hello(environment(request));
  if (outcome.outcome == Outcome::kOk) {
    const Heartbeat heartbeat(services.writer, kHeartbeat);
    outcome = outcome_of([&] { do_operation(request, services); });
  }
  services.writer.outcome(outcome);
  services.writer.bye();
  return outcome;
}

void ProgressReporter::check() const {
  if (stop_) throw Interrupted();
}

void ProgressReporter::report(std::int64_t done, std::int64_t total, const std::string& what) {
  check();
  const double now = monotonic_seconds();
  if (now - last_ < kProgressSeconds && done != total) return;
  last_ = now;
  writer_.progress(done, total, what);
}

ScratchFolder::ScratchFolder(const std::filesystem::path& parent)
    : path_((parent.empty() ? std::filesystem::temp_directory_path() : parent) /
            ("assay-" + new_uuid())) {
  ensure_folder(path_);
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void say_warnings(const Model& model, ReplyWriter& writer) {
  // One event a code: the view `remarks` shows one text for each.
  std::map<std::string, std::vector<std::string>> texts;
  for (const ModelWarning& warning : model.warnings()) {
    texts[warning.code].push_back(warning.text);
  }
  for (const auto& [code, parts] : texts) writer.event("warning", code, join(parts, "; "));
}

MetricValue plain_metric(const std::string& tag, double value) {
  MetricValue metric;
  metric.tag = tag;
  metric.value = value;
  metric.n = 1;
  return metric;
}

void emit_peak_rss(ReplyWriter& writer, const std::string& tag) {
  if (const auto bytes = peak_rss_bytes()) {
    writer.metric(plain_metric(tag, static_cast<double>(*bytes)));
  }
}

}  // namespace assay
