// The counting part of CellRunner: one more process of a timed cell, under callgrind.

#include <algorithm>

#include "harness/protocol/common_metrics.h"
#include "harness/runner/callgrind.h"
#include "harness/runner/cell_runner.h"
#include "harness/runner/requests.h"
#include "harness/runner/scratch.h"

namespace assay {
namespace {

/// The shortest run that still makes the counted calls: each of the others takes some fifty times
/// its time. One thread, because the others' instructions are those of waiting.
void shorten(WorkerRequest& request) {
  request.threads = 1;
  if (request.cores.size() > 1) request.cores.resize(1);
  for (const char* least : {"warmup_calls", "measured_calls"}) request.suite_params[least] = 1;
  for (const char* seconds : {"warmup_seconds", "seconds"}) request.suite_params[seconds] = 0;
}

}  // namespace

MetricValue CellRunner::count_once(Attempt& arm) {
  MetricValue metric;
  metric.tag = kInstructionsTag;
  if (catalogue_.profile(arm.cell->profile).device != "cpu") {
    metric.null_reason = "not measured: callgrind counts instructions of the processor only";
    return metric;
  }
  const ScratchFolder scratch;
  WorkerRequest request = cell_request(plan_, catalogue_, *arm.cell, scratch.path());
  request.expected = store_.fingerprint(fingerprint_subject(plan_, catalogue_, *arm.cell));
  shorten(request);
  WorkerRun run = workers_.launch(
      *arm.cell, request, on_suite("counting instructions of", *arm.cell), Launch::kCounting);
  arm.counted_environment = run.reply.environment;
  // Times under valgrind are no times.
  run.reply.samples.clear();
  run.reply.metrics.clear();
  add_process(arm, run, "count");
  if (run.outcome.outcome == Outcome::kInterrupted) {
    arm.ended = run.outcome;
  } else if (run.outcome.outcome != Outcome::kOk) {
    metric.null_reason = "not measured: " + run.outcome.text;
  } else if (!run.instructions) {
    metric.null_reason = "not measured: callgrind saw none of the counted calls";
  } else {
    metric.value = static_cast<double>(*run.instructions) / kCountedCalls;
    metric.n = kCountedCalls;
  }
  return metric;
}

void CellRunner::count_instructions(Attempt& arm) {
  if (!options_.count_instructions || arm.ended || kind_of(*arm.cell).name != kCountedKind) return;
  const MetricValue counted = count_once(arm);
  if (arm.ended) return;
  store_.add_metrics(arm.id, {counted}, {instructions_definition(arm.counted_environment)});
}

}  // namespace assay
