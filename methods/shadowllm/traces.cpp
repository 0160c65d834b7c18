#include "methods/shadowllm/traces.h"

#include <ATen/ops/cat.h>

#include <vector>

#include "harness/contextual/criteria.h"
#include "harness/contextual/evidence.h"
#include "harness/contextual/routed_model.h"
#include "harness/contextual/tracing.h"

namespace assay::shadowllm {
namespace {

/// f32 [1, units of all layers]
at::Tensor of_all_layers(const Criterion& criterion, const SequenceEvidence& evidence,
                         at::Tensor (*scores)(const Criterion&, const LayerEvidence&)) {
  std::vector<at::Tensor> parts;
  for (const LayerEvidence& layer : evidence.layers) parts.push_back(scores(criterion, layer));
  return at::cat(parts).to(at::kFloat).unsqueeze(0);
}

/// f32 [1, heads * head_dim of all layers]
at::Tensor last_contexts(const SequenceEvidence& evidence) {
  std::vector<at::Tensor> parts;
  for (const LayerEvidence& layer : evidence.layers) {
    if (layer.heads > 0) parts.push_back(layer.context.narrow(0, -1, 1).to(at::kFloat));
  }
  return at::cat(parts, 1);
}

}  // namespace

std::vector<std::string> traced_params() { return {"criterion"}; }

Artefact trace(const Model& model, FitContext& context, const Params& params) {
  for (std::int64_t i = 0; i < model.layer_count(); ++i) {
    require_dense_attention(model, i);
    require_dense_ffn(model, i);
  }
  const Criterion& criterion = criterion_of(params.get_text("criterion"));
  const EvidenceSource source(model);
  const Json settings = traced_settings("shadowllm", params, traced_params());
  return trace_calibration(
      model, context, settings, [&](const at::Tensor& tokens, TraceFile& trace) {
        const SequenceEvidence evidence =
            source.collect(tokens, text_positions(tokens.size(0)), criterion.evidence);
        trace.append("contexts", last_contexts(evidence));
        trace.append("heads", of_all_layers(criterion, evidence, head_scores));
        trace.append("neurons", of_all_layers(criterion, evidence, neuron_scores));
      });
}

}  // namespace assay::shadowllm
