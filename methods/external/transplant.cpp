#include "methods/external/transplant.h"

#include <ATen/ops/equal.h>
#include <fmt/format.h>

#include <utility>

#include "harness/base/cell_errors.h"
#include "harness/checkpoint/spec_json.h"
#include "harness/method/masks.h"
#include "harness/model/model_builder.h"

namespace assay {
namespace {

constexpr const char* kSpec = "spec";

at::Tensor stored(const at::Tensor& tensor) { return tensor.to(at::kCPU, at::kFloat).contiguous(); }

bool is_layer_matrix(const ParameterId& id) {
  const SlotInfo& info = slot_info(id.slot);
  return !id.bias && info.of_layer() && info.kind == SlotKind::kLinear && id.slot != Slot::kRouter;
}

/// Family and dtype of the file say nothing about what is computed.
Json computed(const ModelSpec& spec) {
  Json document = to_json(spec);
  document.erase("family");
  document.erase("checkpoint_dtype");
  return document;
}

void store_matrix(PrunedWeights& changes, const Parameter& before, const at::Tensor& now) {
  const ParameterId& id = *before.id;
  if (at::equal(before.tensor, now)) return changes.leave(id.layer, id.place(), before.tensor);
  const bool only_zeroed = now.eq(before.tensor).logical_or(now.eq(0)).all().item<bool>();
  if (only_zeroed) return changes.prune(id.layer, id.place(), now, now.ne(0));
  changes.replace(id.layer, id.place(), before.tensor, stored(now));
}

Artefact changed_values(const Model& before, const Model& after, FitContext& context) {
  PrunedWeights changes(context);
  std::map<std::string, at::Tensor> others;
  Model copy = before.clone();
  for (const Parameter& parameter : copy.parameters()) {
    const at::Tensor now = after.parameter(*parameter.id);
    if (is_layer_matrix(*parameter.id)) {
      store_matrix(changes, parameter, now);
    } else if (!at::equal(parameter.tensor, now)) {
      others[parameter.name] = stored(now);
    }
  }
  Artefact artefact = changes.finish();
  artefact.tensors.merge(others);
  return artefact;
}

Artefact whole_model(const Model& after, FitContext& context) {
  Artefact artefact;
  SparsityRecord record(context);
  artefact.plan[kSpec] = to_json(after.spec());
  for (const Parameter& parameter : after.parameters()) {
    if (is_layer_matrix(*parameter.id)) {
      record.add(slot_path(parameter.id->layer, parameter.id->place()), parameter.tensor);
    }
    artefact.tensors[parameter.name] = stored(parameter.tensor);
  }
  record.finish();
  return artefact;
}

}  // namespace

Artefact difference(const Model& before, const Model& after, FitContext& context) {
  if (before.spec().vocab != after.spec().vocab) {
    throw DoesNotApply(fmt::format(
        "external: the command changed the vocabulary from {} to {} tokens; the suites' tokens "
        "would mean something else",
        before.spec().vocab, after.spec().vocab));
  }
  return computed(before.spec()) == computed(after.spec()) ? changed_values(before, after, context)
                                                           : whole_model(after, context);
}

void transplant(Model& model, const Artefact& artefact) {
  if (!artefact.plan.contains(kSpec)) return apply_pruned_weights(model, artefact);
  model = rebuilt(model, model_spec_from_json(artefact.plan.at(kSpec)), artefact.tensors);
}

}  // namespace assay
