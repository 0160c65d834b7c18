#pragma once
// Puts choosers into a model, and the parameters that all contextual methods have in common.

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "harness/base/params.h"
#include "harness/base/requirement.h"
#include "harness/contextual/chooser.h"
#include "harness/contextual/routed_attention.h"
#include "harness/contextual/routing.h"
#include "harness/model/model.h"

namespace assay {

/// How much stays, and how choices become what runs.
struct RoutingSettings {
  double head_density = 1;
  double ffn_density = 1;
  Routing routing;
};
/// `head_density`, `ffn_density`, `mask_source`, `batch_rule`, `dense_above`, `kv_missing`.
std::vector<ParamSpec> routing_params();
/// Their values, as an artefact's plan keeps them.
Json routing_plan(const Params& params);
RoutingSettings routing_settings(const Json& plan);

/// What contextual methods ask of a model: a decoder that predicts its vocabulary.
std::vector<Requirement> routing_requirements();

/// What speaks against leaving out heads of such a model.
std::vector<std::string> routing_problems(const ModelSpec& spec, bool leaves_heads_out);

/// What one layer gets; empty parts run whole.
struct RoutedParts {
  std::unique_ptr<Chooser> heads, neurons;
  std::unique_ptr<ContextReader> reader;
};

/// Throws DoesNotApply where a block that gets a chooser is not the model's own with dense
/// matrices.
void require_dense_attention(const Model& model, std::int64_t layer);
void require_dense_ffn(const Model& model, std::int64_t layer);

/// Replaces the blocks that get a part, and all of them where streams are kept. `parts` is asked
/// for every layer.
void route_model(Model& model, const Routing& routing,
                 const std::function<RoutedParts(std::int64_t layer)>& parts);

}  // namespace assay
