// Contextual sparsity (Liu et al. 2023, arXiv 2310.17157) with rules that nobody trains: the best
// that a choice of this size could be, the worst, and what the weights alone tell.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "harness/base/param_makers.h"
#include "harness/contextual/routed_model.h"
#include "harness/method/method.h"
#include "harness/model/kernels/highest.h"
#include "methods/contextual/controls.h"
#include "methods/contextual/estimates.h"
#include "methods/contextual/scores.h"

namespace assay {
namespace contextual {
namespace {

constexpr const char* kScores = "scores";

std::vector<ParamSpec> own_params() {
  return {
      choice_param("by", {"oracle", "random", "static", "svd", "sign"},
                   "What is run: what gives most in this very token (nothing is saved), any for "
                   "each token anew, what a criterion says of the calibration text, or by the "
                   "first matrices' low rank or signs"),
      flag_param("dense_first_layer", true,
                 "Run all heads and neurons of the first layer, as predictors need it"),
      choice_param("criterion", criterion_names(),
                   "Of by = 'static': what a head or neuron is worth, summed over the calibration "
                   "sequences"),
      count_param("rank", 64, 1, "columns", "Of by = 'svd': rank of each matrix's estimate"),
  };
}

/// What a setting leaves of the units of a layer; 0: all run, and need no chooser.
struct Counts {
  std::int64_t heads = 0, neurons = 0;
};

Counts counts_of(const ModelSpec& spec, const Json& plan, std::int64_t layer) {
  if (layer == 0 && plan.at("dense_first_layer").get<bool>()) return {};
  const RoutingSettings settings = routing_settings(plan.at("routing"));
  const LayerShape shape = spec.layer(layer);
  const auto some = [](bool there, double density, std::int64_t units) -> std::int64_t {
    const std::int64_t count = there ? count_of_density(density, units) : units;
    return count < units ? count : 0;
  };
  return {some(shape.has_attention, settings.head_density, shape.heads),
          some(shape.has_ffn, settings.ffn_density, shape.ffn_width)};
}

/// Of a fit: its rule, and what the rule looks up.
struct Rule {
  std::string by;
  std::uint64_t seed = 0;
  const Artefact& artefact;
};

ThinMatrix thin_matrix(const Artefact& artefact, const StandardFfn& ffn, std::int64_t layer,
                       Slot slot) {
  const auto* dense = dynamic_cast<const DenseLinear*>(ffn.linear(slot));
  if (dense == nullptr) return {};
  const auto part = [&](const char* name) {
    return artefact.tensors.at(thin_name(layer, slot_name(slot), name))
        .to(dense->weight().options(), /*non_blocking=*/false, /*copy=*/true);
  };
  return {part("left"), part("right"), dense->bias()};
}

std::unique_ptr<Chooser> fixed(const Rule& rule, std::int64_t layer, const char* units,
                               std::int64_t count, at::Device device) {
  const at::Tensor scores = rule.artefact.tensors.at(scores_name(layer, units));
  return std::make_unique<Fixed>(highest(scores.unsqueeze(0), count).squeeze(0).to(device));
}

std::unique_ptr<Chooser> heads_by(const Rule& rule, const Model& model, std::int64_t layer,
                                  std::int64_t count) {
  const LayerShape shape = model.spec().layer(layer);
  if (rule.by == "static") return fixed(rule, layer, "heads", count, model.device());
  if (rule.by == "oracle") return std::make_unique<Oracle>(count, shape.head_dim);
  return std::make_unique<Lottery>(count, shape.heads, rule.seed, RoutingSite::kHeads);
}

std::unique_ptr<Chooser> neurons_by(const Rule& rule, const Model& model, std::int64_t layer,
                                    std::int64_t count) {
  const StandardFfn& ffn = ffn_of(model, layer);
  if (rule.by == "static") return fixed(rule, layer, "neurons", count, model.device());
  if (rule.by == "oracle") return std::make_unique<Oracle>(count, 1);
  if (rule.by == "svd") {
    return std::make_unique<SvdEstimate>(count, ffn.activation(),
                                         thin_matrix(rule.artefact, ffn, layer, Slot::kGate),
                                         thin_matrix(rule.artefact, ffn, layer, Slot::kUp));
  }
  if (rule.by == "sign") {
    PackedMatrix signs = on_device(
        load_packed(rule.artefact.plan, rule.artefact.tensors, signs_name(layer)), model.device());
    return std::make_unique<SignEstimate>(count, PackedLinear(std::move(signs), {}));
  }
  return std::make_unique<Lottery>(count, model.spec().layer(layer).ffn_width, rule.seed,
                                   RoutingSite::kNeurons);
}

/// Second stage: the scores, and how much stays.
Artefact choose_size(const Model& model, FitContext& context, const Params& params) {
  Artefact artefact = context.input(kScores);
  artefact.plan["routing"] = routing_plan(params);
  artefact.plan["dense_first_layer"] = params.get_bool("dense_first_layer");
  artefact.plan["by"] = params.get_text("by");
  artefact.plan["seed"] = context.seed();
  for (std::int64_t i = 0; i < model.layer_count(); ++i) {
    const Counts counts = counts_of(model.spec(), artefact.plan, i);
    if (counts.heads > 0) require_dense_attention(model, i);
    if (counts.neurons > 0) require_dense_ffn(model, i);
  }
  return artefact;
}

class Contextual final : public Method {
 public:
  [[nodiscard]] MethodInfo info() const override {
    MethodInfo info;
    info.name = "contextual";
    info.summary = "Heads and neurons chosen token by token by rules that nobody trains: controls";
    info.citation =
        "Liu et al., Deja Vu: Contextual Sparsity for Efficient LLMs at Inference Time, ICML 2023, "
        "arXiv 2310.17157";
    info.params = own_params();
    std::vector<std::string> of_choice{"by", "dense_first_layer"};
    for (const ParamSpec& spec : routing_params()) {
      info.params.push_back(spec);
      of_choice.push_back(spec.name);
    }
    info.stages = {
        {.name = kScores, .params = {"by", "criterion", "rank"}, .inputs = {}, .calibration = true},
        {.name = "choice", .params = of_choice, .inputs = {kScores}},
    };
    info.requires_ = routing_requirements();
    info.needs.calibration = true;
    for (const char* by : {"oracle", "random", "svd", "sign"}) {
      info.needs.calibration_unless.push_back({{{"by", by}}});
    }
    return info;
  }

  [[nodiscard]] std::vector<std::string> unmet(const ModelSpec& spec,
                                               const Params& params) const override {
    std::vector<std::string> problems = routing_problems(spec, params.get_real("head_density") < 1);
    const std::string by = params.get_text("by");
    if ((by == "svd" || by == "sign") && params.get_real("head_density") < 1) {
      problems.push_back(
          fmt::format("by = '{}' knows neurons only; set head_density = 1, or another rule", by));
    }
    const std::int64_t rank = params.get_int("rank");
    for (std::int64_t i = 0; by == "svd" && i < spec.layers; ++i) {
      const LayerShape shape = spec.layer(i);
      const std::int64_t most = shape.has_ffn ? std::min(spec.width, shape.ffn_width) : rank;
      if (rank <= most) continue;
      problems.push_back(fmt::format("rank = {} is larger than the matrices of layer {} allow, {}",
                                     rank, i, most));
      break;
    }
    return problems;
  }

  [[nodiscard]] Artefact fit_stage(const std::string& stage, const Model& model,
                                   FitContext& context, const Params& params) const override {
    return stage == kScores ? score(model, context, params) : choose_size(model, context, params);
  }

  void apply(Model& model, const Artefact& artefact) const override {
    const Rule rule{artefact.plan.at("by").get<std::string>(),
                    artefact.plan.at("seed").get<std::uint64_t>(), artefact};
    const Routing routing = routing_settings(artefact.plan.at("routing")).routing;
    route_model(model, routing, [&](std::int64_t layer) {
      const Counts counts = counts_of(model.spec(), artefact.plan, layer);
      RoutedParts parts;
      if (counts.heads > 0) parts.heads = heads_by(rule, model, layer, counts.heads);
      if (counts.neurons > 0) {
        require_dense_ffn(model, layer);
        parts.neurons = neurons_by(rule, model, layer, counts.neurons);
      }
      return parts;
    });
  }
};

}  // namespace
}  // namespace contextual

void register_contextual(MethodRegistry& registry) {
  registry.add(std::make_unique<contextual::Contextual>());
}

}  // namespace assay
