#include "methods/shadowllm/traces.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/stack.h>

#include <vector>

#include "harness/contextual/criteria.h"
#include "harness/contextual/evidence.h"
#include "harness/contextual/routed_model.h"

namespace assay::shadowllm {
namespace {

/// f32 [units of all layers]
at::Tensor of_all_layers(const Criterion& criterion, const SequenceEvidence& evidence,
                         at::Tensor (*scores)(const Criterion&, const LayerEvidence&)) {
  std::vector<at::Tensor> parts;
  for (const LayerEvidence& layer : evidence.layers) parts.push_back(scores(criterion, layer));
  return at::cat(parts).to(at::kFloat);
}

/// f32 [heads * head_dim of all layers]
at::Tensor last_contexts(const SequenceEvidence& evidence) {
  std::vector<at::Tensor> parts;
  for (const LayerEvidence& layer : evidence.layers) {
    if (layer.heads > 0) parts.push_back(layer.context.select(0, -1).to(at::kCPU, at::kFloat));
  }
  return at::cat(parts);
}

}  // namespace

Artefact trace(const Model& model, FitContext& context, const Params& params) {
  for (std::int64_t i = 0; i < model.layer_count(); ++i) {
    require_dense_attention(model, i);
    require_dense_ffn(model, i);
  }
  const Criterion& criterion = criterion_of(params.get_text("criterion"));
  const EvidenceSource source(model);
  const at::Tensor& tokens = context.calibration();
  std::vector<at::Tensor> contexts, heads, neurons;
  for (std::int64_t i = 0; i < tokens.size(0); ++i) {
    const SequenceEvidence evidence =
        source.collect(tokens[i], text_positions(tokens.size(1)), criterion.evidence);
    contexts.push_back(last_contexts(evidence));
    heads.push_back(of_all_layers(criterion, evidence, head_scores));
    neurons.push_back(of_all_layers(criterion, evidence, neuron_scores));
    context.progress(i + 1, tokens.size(0), "traced sequences");
  }
  Artefact artefact;
  artefact.tensors["contexts"] = at::stack(contexts);
  artefact.tensors["heads"] = at::stack(heads);
  artefact.tensors["neurons"] = at::stack(neurons);
  return artefact;
}

}  // namespace assay::shadowllm
