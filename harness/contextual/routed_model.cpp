#include "harness/contextual/routed_model.h"

#include <fmt/format.h>

#include <typeinfo>
#include <utility>

#include "harness/base/cell_errors.h"
#include "harness/base/param_makers.h"
#include "harness/contextual/routed_ffn.h"

namespace assay {
namespace {

constexpr const char* kHeadsTogether =
    "this model norms queries and keys over all heads together, so that a token cannot leave out "
    "the work of one; set head_density = 1";

[[noreturn]] void refuse(std::int64_t layer, const char* what) {
  throw DoesNotApply(fmt::format(
      "layer {}: heads and neurons are chosen token by token from dense matrices, and another "
      "method has replaced this {} block; apply this one to a model with dense ones",
      layer, what));
}

bool is_dense(const Linear* linear) { return dynamic_cast<const DenseLinear*>(linear) != nullptr; }

const Layer& layer_of(const Model& model, std::int64_t layer) {
  return model.layers()[static_cast<std::size_t>(layer)];
}

void wrap_attention(Model& model, std::int64_t index, const Routing& routing, RoutedParts& parts) {
  Layer& layer = model.layers()[static_cast<std::size_t>(index)];
  if (!layer.attention || (!parts.heads && !parts.reader && !routing.keeps_streams)) return;
  require_dense_attention(model, index);
  if (parts.heads && model.spec().qk_norm == QkNorm::kProjection) {
    throw DoesNotApply(fmt::format("layer {}: {}", index, kHeadsTogether));
  }
  std::unique_ptr<StandardAttention> dense(
      static_cast<StandardAttention*>(layer.attention.release()));
  layer.attention = std::make_unique<RoutedAttention>(std::move(dense), std::move(parts.heads),
                                                      std::move(parts.reader), routing);
}

void wrap_ffn(Model& model, std::int64_t index, const Routing& routing, RoutedParts& parts) {
  Layer& layer = model.layers()[static_cast<std::size_t>(index)];
  if (!layer.ffn || (!parts.neurons && !routing.keeps_streams)) return;
  require_dense_ffn(model, index);
  std::unique_ptr<StandardFfn> dense(static_cast<StandardFfn*>(layer.ffn.release()));
  layer.ffn = std::make_unique<RoutedFfn>(std::move(dense), std::move(parts.neurons), routing);
}

}  // namespace

std::vector<ParamSpec> routing_params() {
  const RealRange density{.min = 0, .max = 1, .min_open = true};
  return {
      real_param("head_density", 1, density, "Part of a layer's heads that a token runs"),
      real_param("ffn_density", 0.5, density, "Part of a layer's neurons that a token runs"),
      choice_param("mask_source", mask_source_names(),
                   "Token whose choice a token runs: its own, the last of its prompt, or the last "
                   "of the whole text, which sees future tokens and cannot decode"),
      choice_param("batch_rule", batch_rule_names(),
                   "What sequences that are decoded together run: each its own choice, all that "
                   "one of them chose, or what most of them chose"),
      real_param("dense_above", 1, density,
                 "Run all units where a token would run a larger part of them than this"),
      choice_param("kv_missing", missing_keys_names(),
                   "What later tokens find of a head that a token left out: its key and value, as "
                   "all are computed; the same, computed when it is chosen again; or nothing"),
      choice_param("execute", {"chosen", "all"},
                   "Run what was chosen, or choose and run everything all the same: what choosing "
                   "alone costs by the clock"),
  };
}

Json routing_plan(const Params& params) {
  Json plan;
  for (const ParamSpec& spec : routing_params()) plan[spec.name] = params.json().at(spec.name);
  return plan;
}

RoutingSettings routing_settings(const Json& plan) {
  RoutingSettings settings;
  settings.head_density = plan.at("head_density").get<double>();
  settings.ffn_density = plan.at("ffn_density").get<double>();
  settings.routing.source = mask_source_from_name(plan.at("mask_source").get<std::string>());
  settings.routing.batch = batch_rule_from_name(plan.at("batch_rule").get<std::string>());
  settings.routing.missing = missing_keys_from_name(plan.at("kv_missing").get<std::string>());
  settings.routing.dense_above = plan.at("dense_above").get<double>();
  settings.routing.runs_all = plan.at("execute") == "all";
  return settings;
}

std::vector<Requirement> routing_requirements() {
  return {{"causal", "==", true, "an encoder decodes no tokens whose work could be spared"},
          {"output", "==", "vocabulary"}};
}

std::vector<std::string> routing_problems(const ModelSpec& spec, bool leaves_heads_out) {
  if (spec.qk_norm != QkNorm::kProjection || !leaves_heads_out) return {};
  return {kHeadsTogether};
}

void require_dense_attention(const Model& model, std::int64_t layer) {
  const Attention* block = layer_of(model, layer).attention.get();
  if (block == nullptr) return;
  if (typeid(*block) != typeid(StandardAttention)) refuse(layer, "attention");
  for (const Slot slot : {Slot::kQ, Slot::kK, Slot::kV, Slot::kO}) {
    if (!is_dense(block->linear(slot))) refuse(layer, "attention");
  }
}

void require_dense_ffn(const Model& model, std::int64_t layer) {
  const Ffn* block = layer_of(model, layer).ffn.get();
  if (block == nullptr) return;
  if (typeid(*block) != typeid(StandardFfn)) refuse(layer, "feed-forward");
  for (const Slot slot : {Slot::kGate, Slot::kUp, Slot::kDown}) {
    const Linear* linear = block->linear(slot);
    if (linear != nullptr && !is_dense(linear)) refuse(layer, "feed-forward");
  }
}

void route_model(Model& model, const Routing& routing,
                 const std::function<RoutedParts(std::int64_t layer)>& parts) {
  for (std::int64_t i = 0; i < model.layer_count(); ++i) {
    RoutedParts of_layer = parts(i);
    wrap_attention(model, i, routing, of_layer);
    wrap_ffn(model, i, routing, of_layer);
  }
}

}  // namespace assay
