#include "harness/contextual/tracing.h"

#include "harness/base/clock.h"
#include "harness/base/errors.h"
#include "harness/contextual/training_rows.h"

namespace assay {
namespace {

Json identity_of(const Model& model, const at::Tensor& tokens, const Json& settings) {
  return {{"settings", settings},
          {"tokens", tensor_hash(tokens)},
          {"model", model.content_hash()},
          {"device", c10::DeviceTypeName(model.device().type(), /*lower_case=*/true)}};
}

void commit_before_leaving(TraceFile& trace, FitContext& context) {
  try {
    trace.commit();
  } catch (const MachineError& error) {  // what was committed before is still there
    context.warn("trace_unwritten", error.what());
  }
}

void report(TraceFile& trace, FitContext& context, std::int64_t total) {
  try {
    context.progress(trace.sequences(), total, "traced sequences");
  } catch (const Interrupted&) {
    commit_before_leaving(trace, context);
    throw;
  }
}

}  // namespace

Json traced_settings(const std::string& method, const Params& params,
                     const std::vector<std::string>& names) {
  Json settings = {{"method", method}};
  for (const std::string& name : names) settings["params"][name] = params.json().at(name);
  return settings;
}

Artefact trace_calibration(const Model& model, FitContext& context, const Json& settings,
                           const TraceSequence& add) {
  const at::Tensor& tokens = context.calibration();
  TraceFile trace(context.checkpoints() / "traces", identity_of(model, tokens, settings));
  if (!trace.dropped().empty()) context.warn("trace_begun_anew", trace.dropped());
  double committed_at = monotonic_seconds();
  while (trace.sequences() < tokens.size(0)) {
    add(tokens.select(0, trace.sequences()), trace);
    trace.end_sequence();
    if (monotonic_seconds() - committed_at >= context.checkpoint_seconds()) {
      trace.commit();
      committed_at = monotonic_seconds();
    }
    report(trace, context, tokens.size(0));
  }
  trace.commit();
  return {.plan = Json::object(), .tensors = trace.columns()};
}

}  // namespace assay
