#include "methods/contextual/scores.h"

#include <fmt/format.h>

#include <memory>

#include "harness/compress/low_rank.h"
#include "harness/compress/packed_linear.h"
#include "harness/contextual/criteria.h"
#include "harness/contextual/evidence.h"
#include "harness/contextual/routed_model.h"
#include "harness/contextual/static_scores.h"
#include "harness/method/masks.h"
#include "methods/contextual/estimates.h"

namespace assay::contextual {
namespace {

Artefact sum_criterion(const Model& model, FitContext& context, const Criterion& criterion) {
  const EvidenceSource source(model);
  const std::unique_ptr<StaticScores> sums = static_scores(criterion);
  const at::Tensor& tokens = context.calibration();
  for (std::int64_t i = 0; i < tokens.size(0); ++i) {
    sums->add(source.collect(tokens[i], text_positions(tokens.size(1)), criterion.evidence));
    context.progress(i + 1, tokens.size(0), "calibration sequences");
  }
  const LayerScores heads = sums->heads(), neurons = sums->neurons();
  Artefact artefact;
  for (std::size_t i = 0; i < heads.size(); ++i) {
    const auto layer = static_cast<std::int64_t>(i);
    artefact.tensors[scores_name(layer, "heads")] = heads[i].to(at::kFloat);
    artefact.tensors[scores_name(layer, "neurons")] = neurons[i].to(at::kFloat);
  }
  return artefact;
}

void keep_thin(const StandardFfn& ffn, std::int64_t layer, std::int64_t rank, Artefact& artefact) {
  for (const Slot slot : first_slots(ffn)) {
    const auto& dense = dynamic_cast<const DenseLinear&>(*ffn.linear(slot));
    const LowRank thin = svd_plain(weight_for_fit(dense), rank);
    artefact.tensors[thin_name(layer, slot_name(slot), "left")] = thin.left;
    artefact.tensors[thin_name(layer, slot_name(slot), "right")] = thin.right;
  }
}

void keep_signs(const StandardFfn& ffn, std::int64_t layer, Artefact& artefact) {
  const auto& first = dynamic_cast<const DenseLinear&>(*ffn.linear(first_slots(ffn).front()));
  store_packed(artefact.plan, artefact.tensors, signs_name(layer), signs_of(first.weight()));
}

/// Calls with every feed-forward block.
template <typename Keep>
Artefact of_each_ffn(const Model& model, FitContext& context, Keep keep) {
  Artefact artefact;
  for (std::int64_t i = 0; i < model.layer_count(); ++i) {
    if (!model.spec().layer(i).has_ffn) continue;
    require_dense_ffn(model, i);
    keep(ffn_of(model, i), i, artefact);
    context.progress(i + 1, model.layer_count(), "layers");
  }
  return artefact;
}

}  // namespace

Artefact score(const Model& model, FitContext& context, const Params& params) {
  const std::string by = params.get_text("by");
  if (by == "static") {
    return sum_criterion(model, context, criterion_of(params.get_text("criterion")));
  }
  if (by == "sign") return of_each_ffn(model, context, keep_signs);
  if (by != "svd") return {};
  return of_each_ffn(model, context, [&](const StandardFfn& ffn, std::int64_t layer, Artefact& to) {
    keep_thin(ffn, layer, params.get_int("rank"), to);
  });
}

std::vector<std::string> criterion_names() {
  std::vector<std::string> names{"plainact"};
  for (const Criterion& criterion : criteria()) {
    const bool whole = criterion.of_heads && criterion.of_neurons;
    if (whole && names.front() != criterion.name) names.emplace_back(criterion.name);
  }
  return names;
}

std::string scores_name(std::int64_t layer, const char* units) {
  return fmt::format("layer.{}.{}", layer, units);
}

std::string thin_name(std::int64_t layer, const char* matrix, const char* part) {
  return fmt::format("layer.{}.estimate.{}.{}", layer, matrix, part);
}

std::string signs_name(std::int64_t layer) { return fmt::format("layer.{}.signs", layer); }

const StandardFfn& ffn_of(const Model& model, std::int64_t layer) {
  return dynamic_cast<const StandardFfn&>(*model.layers()[static_cast<std::size_t>(layer)].ffn);
}

std::vector<Slot> first_slots(const StandardFfn& ffn) {
  if (ffn.linear(Slot::kGate) != nullptr) return {Slot::kGate, Slot::kUp};
  return {Slot::kUp};
}

}  // namespace assay::contextual
