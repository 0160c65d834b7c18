#include "harness/contextual/tracing.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/tensor.h>

#include "harness/base/clock.h"
#include "harness/base/errors.h"
#include "harness/contextual/training_rows.h"
#include "harness/data/answered_items.h"
#include "harness/model/tensor_hash.h"

namespace assay {
namespace {

std::vector<CalibrationSequence> windows_of(const at::Tensor& text) {
  std::vector<CalibrationSequence> sequences;
  for (const at::Tensor& window : text.unbind(0)) sequences.push_back({window});
  return sequences;
}

std::vector<CalibrationSequence> sequences_of(const FitContext& context) {
  const AnsweredItems* items = context.calibration_items();
  if (items == nullptr) return windows_of(context.calibration());
  std::vector<CalibrationSequence> sequences;
  for (const AnsweredItem& item : items->items) {
    sequences.push_back({at::tensor(item.tokens, at::kLong), item.answer_from});
  }
  return sequences;
}

Json identity_of(const Model& model, const std::vector<CalibrationSequence>& sequences,
                 const Json& settings) {
  std::vector<at::Tensor> tokens;
  std::vector<std::int64_t> bounds;
  for (const CalibrationSequence& sequence : sequences) {
    tokens.push_back(sequence.tokens);
    bounds.push_back(sequence.tokens.size(0));
    bounds.push_back(sequence.answer_from);
  }
  return {{"settings", settings},
          {"tokens", tensor_hash(at::cat(tokens))},
          {"bounds", tensor_hash(index_of(bounds))},
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
  const std::vector<CalibrationSequence> sequences = sequences_of(context);
  const auto total = std::ssize(sequences);
  TraceFile trace(context.checkpoints() / "traces", identity_of(model, sequences, settings));
  if (!trace.dropped().empty()) context.warn("trace_begun_anew", trace.dropped());
  double committed_at = monotonic_seconds();
  while (trace.sequences() < total) {
    add(sequences[static_cast<std::size_t>(trace.sequences())], trace);
    trace.end_sequence();
    if (monotonic_seconds() - committed_at >= context.checkpoint_seconds()) {
      trace.commit();
      committed_at = monotonic_seconds();
    }
    report(trace, context, total);
  }
  trace.commit();
  return {.plan = Json::object(), .tensors = trace.columns()};
}

}  // namespace assay
