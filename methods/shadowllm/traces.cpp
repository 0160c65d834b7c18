#include "methods/shadowllm/traces.h"

#include <ATen/ops/cat.h>

#include <vector>

#include "harness/base/cell_errors.h"
#include "harness/contextual/criteria.h"
#include "harness/contextual/evidence.h"
#include "harness/contextual/routed_model.h"
#include "harness/contextual/tracing.h"
#include "methods/shadowllm/settings.h"

namespace assay::shadowllm {
namespace {

/// f32 [1, units of all layers]
at::Tensor of_all_layers(const Criterion& criterion, const SequenceEvidence& evidence,
                         at::Tensor (*scores)(const Criterion&, const LayerEvidence&)) {
  std::vector<at::Tensor> parts;
  for (const LayerEvidence& layer : evidence.layers) parts.push_back(scores(criterion, layer));
  return at::cat(parts).to(at::kFloat).unsqueeze(0);
}

/// f32 [1, heads * head_dim of all layers]: at the token of this number.
at::Tensor contexts_at(std::int64_t token, const SequenceEvidence& evidence) {
  std::vector<at::Tensor> parts;
  for (const LayerEvidence& layer : evidence.layers) {
    if (layer.heads > 0) parts.push_back(layer.context.narrow(0, token, 1).to(at::kFloat));
  }
  return at::cat(parts, 1);
}

}  // namespace

std::vector<std::string> traced_params() { return {"criterion", "trace_at"}; }

Artefact trace(const Model& model, FitContext& context, const Params& params) {
  for (std::int64_t i = 0; i < model.layer_count(); ++i) {
    require_dense_attention(model, i);
    require_dense_ffn(model, i);
  }
  const bool of_prompts = params.get_text("trace_at") == kPromptEnd;
  if (of_prompts && context.calibration_items() == nullptr) {
    throw DoesNotApply(
        "trace_at = 'prompt_end' needs prompts with answers, and calibration is by a text; name a "
        "data set of kind items, or leave trace_at as it is");
  }
  const Criterion& criterion = criterion_of(params.get_text("criterion"));
  const EvidenceSource source(model);
  const Json settings = traced_settings("shadowllm", params, traced_params());
  return trace_calibration(
      model, context, settings, [&](const CalibrationSequence& sequence, TraceFile& trace) {
        const std::int64_t length = sequence.tokens.size(0);
        const SequenceEvidence evidence = source.collect(
            sequence.tokens, answer_positions(length, sequence.answer_from), criterion.evidence);
        const std::int64_t last = (of_prompts ? sequence.answer_from : length) - 1;
        trace.append("contexts", contexts_at(last, evidence));
        trace.append("heads", of_all_layers(criterion, evidence, head_scores));
        trace.append("neurons", of_all_layers(criterion, evidence, neuron_scores));
      });
}

}  // namespace assay::shadowllm
