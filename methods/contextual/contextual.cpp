// Contextual sparsity (Liu et al. 2023, arXiv 2310.17157) with rules that nobody trains: the best
// that a choice of this size could be, the worst, and what the weights alone tell.
#include <fmt/format.h>

#include <utility>

#include "harness/base/param_makers.h"
#include "harness/compress/low_rank.h"
#include "harness/contextual/criteria.h"
#include "harness/contextual/evidence.h"
#include "harness/contextual/routed_model.h"
#include "harness/contextual/static_scores.h"
#include "harness/method/masks.h"
#include "harness/method/method.h"
#include "methods/contextual/controls.h"
#include "methods/contextual/estimates.h"

namespace assay {
namespace contextual {
namespace {

/// Those that score neurons as well as heads, the published one first.
std::vector<std::string> criterion_names() {
  std::vector<std::string> names{"plainact"};
  for (const Criterion& criterion : criteria()) {
    const bool whole = criterion.of_heads && criterion.of_neurons;
    if (whole && names.front() != criterion.name) names.emplace_back(criterion.name);
  }
  return names;
}

std::vector<ParamSpec> param_specs() {
  std::vector<ParamSpec> specs = routing_params();
  specs.insert(
      specs.begin(),
      choice_param("by", {"oracle", "random", "static", "svd", "sign"},
                   "What is run: what gives most in this very token (nothing is saved), any for "
                   "each token anew, what a criterion says of the calibration text, or by the "
                   "first matrices' low rank or signs"));
  specs.push_back(choice_param("criterion", criterion_names(),
                               "Of by = 'static': what a head or neuron is worth, summed over the "
                               "calibration sequences"));
  specs.push_back(
      count_param("rank", 64, 1, "columns", "Of by = 'svd': rank of each matrix's estimate"));
  return specs;
}

std::string thin_name(std::int64_t layer, const char* matrix, const char* part) {
  return fmt::format("layer.{}.estimate.{}.{}", layer, matrix, part);
}

const StandardFfn& ffn_of(const Model& model, std::int64_t layer) {
  return dynamic_cast<const StandardFfn&>(*model.layers()[static_cast<std::size_t>(layer)].ffn);
}

/// The matrices in front of the activation.
std::vector<Slot> first_slots(const StandardFfn& ffn) {
  if (ffn.linear(Slot::kGate) != nullptr) return {Slot::kGate, Slot::kUp};
  return {Slot::kUp};
}

/// What a setting makes of the units of a place; all of them need no chooser.
struct Counts {
  std::int64_t heads = 0, neurons = 0;  ///< that stay
  bool some_heads = false, some_neurons = false;
};

Counts counts_of(const ModelSpec& spec, const RoutingSettings& settings, std::int64_t layer) {
  const LayerShape shape = spec.layer(layer);
  Counts counts;
  if (layer == 0 && settings.dense_first_layer) return counts;
  if (shape.has_attention) {
    counts.heads = count_of_density(settings.head_density, shape.heads);
    counts.some_heads = counts.heads < shape.heads;
  }
  if (shape.has_ffn) {
    counts.neurons = count_of_density(settings.ffn_density, shape.ffn_width);
    counts.some_neurons = counts.neurons < shape.ffn_width;
  }
  return counts;
}

void keep_thin(const StandardFfn& ffn, std::int64_t layer, std::int64_t rank, Artefact& artefact) {
  for (const Slot slot : first_slots(ffn)) {
    const auto& dense = dynamic_cast<const DenseLinear&>(*ffn.linear(slot));
    const LowRank thin = svd_plain(weight_for_fit(dense), rank);
    artefact.tensors[thin_name(layer, slot_name(slot), "left")] = thin.left;
    artefact.tensors[thin_name(layer, slot_name(slot), "right")] = thin.right;
  }
}

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

std::string signs_name(std::int64_t layer) { return fmt::format("layer.{}.signs", layer); }

std::string mask_name(std::int64_t layer, const char* units) {
  return fmt::format("layer.{}.{}", layer, units);
}

/// bool [units]: as many as `count`.
at::Tensor best_of(const at::Tensor& scores, std::int64_t count) {
  return highest(scores.to(at::kFloat).unsqueeze(0), count).squeeze(0);
}

/// Of all calibration sequences.
std::unique_ptr<StaticScores> summed_scores(const Model& model, FitContext& context,
                                            const Criterion& criterion) {
  const EvidenceSource source(model);
  std::unique_ptr<StaticScores> sums = static_scores(criterion);
  const at::Tensor& tokens = context.calibration();
  for (std::int64_t i = 0; i < tokens.size(0); ++i) {
    sums->add(source.collect(tokens[i], text_positions(tokens.size(1)), criterion.evidence));
    context.progress(i + 1, tokens.size(0), "calibration sequences");
  }
  return sums;
}

/// Masks of the layers that leave something out, for every text the same.
void keep_masks(const Model& model, FitContext& context, const Params& params, Artefact& artefact) {
  const auto sums = summed_scores(model, context, criterion_of(params.get_text("criterion")));
  const LayerScores heads = sums->heads(), neurons = sums->neurons();
  const RoutingSettings settings = routing_settings(params);
  for (std::int64_t i = 0; i < model.layer_count(); ++i) {
    const Counts counts = counts_of(model.spec(), settings, i);
    const auto layer = static_cast<std::size_t>(i);
    if (counts.some_heads) {
      artefact.tensors[mask_name(i, "heads")] = best_of(heads[layer], counts.heads);
    }
    if (counts.some_neurons) {
      artefact.tensors[mask_name(i, "neurons")] = best_of(neurons[layer], counts.neurons);
    }
  }
}

/// A copy: whoever writes into the model must not write into the artefact.
std::unique_ptr<Chooser> fixed(const Artefact& artefact, const std::string& name,
                               at::Device device) {
  return std::make_unique<Fixed>(
      artefact.tensors.at(name).to(device, at::kBool, /*non_blocking=*/false, /*copy=*/true));
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
    info.params = param_specs();
    info.requires_ = routing_requirements();
    info.needs.calibration = true;
    for (const char* by : {"oracle", "random", "svd", "sign"}) {
      info.needs.calibration_unless.push_back({{{"by", by}}});
    }
    return info;
  }

  [[nodiscard]] std::vector<std::string> unmet(const ModelSpec& spec,
                                               const Params& params) const override {
    std::vector<std::string> problems;
    const std::string by = params.get_text("by");
    if ((by == "svd" || by == "sign") && params.get_real("head_density") < 1) {
      problems.push_back(
          fmt::format("by = '{}' knows neurons only; set head_density = 1, or another rule", by));
    }
    const std::int64_t rank = params.get_int("rank");
    if (by == "svd" && rank > spec.width) {
      problems.push_back(
          fmt::format("rank = {} is larger than the model's width, {}", rank, spec.width));
    }
    return problems;
  }

  [[nodiscard]] Artefact fit(const Model& model, FitContext& context,
                             const Params& params) const override {
    const RoutingSettings settings = routing_settings(params);
    Artefact artefact;
    artefact.plan["routing"] = routing_plan(params);
    artefact.plan["by"] = params.get_text("by");
    artefact.plan["seed"] = context.seed();
    for (std::int64_t i = 0; i < model.layer_count(); ++i) {
      const Counts counts = counts_of(model.spec(), settings, i);
      if (counts.some_heads) require_dense_attention(model, i);
      if (!counts.some_neurons) continue;
      require_dense_ffn(model, i);
      context.progress(i, model.layer_count(), "layers");
      if (params.get_text("by") == "sign") {
        const StandardFfn& ffn = ffn_of(model, i);
        const auto& first = dynamic_cast<const DenseLinear&>(*ffn.linear(first_slots(ffn).front()));
        store_packed(artefact.plan, artefact.tensors, signs_name(i), signs_of(first.weight()));
      }
      if (params.get_text("by") == "svd") {
        const StandardFfn& ffn = ffn_of(model, i);
        const std::int64_t most =
            std::min(model.spec().width, ffn.linear(Slot::kUp)->out_features());
        keep_thin(ffn, i, std::min(params.get_int("rank"), most), artefact);
      }
    }
    if (params.get_text("by") == "static") keep_masks(model, context, params, artefact);
    return artefact;
  }

  void apply(Model& model, const Artefact& artefact) const override {
    const RoutingSettings settings = routing_settings(artefact.plan.at("routing"));
    const auto by = artefact.plan.at("by").get<std::string>();
    const auto seed = artefact.plan.at("seed").get<std::uint64_t>();
    route_model(model, settings.routing, [&](std::int64_t layer) {
      const Counts counts = counts_of(model.spec(), settings, layer);
      const LayerShape shape = model.spec().layer(layer);
      RoutedParts parts;
      if (counts.some_heads) {
        require_dense_attention(model, layer);
        parts.heads = by == "static" ? fixed(artefact, mask_name(layer, "heads"), model.device())
                                     : heads(by, counts.heads, shape, seed);
      }
      if (counts.some_neurons) {
        require_dense_ffn(model, layer);
        parts.neurons =
            by == "static"
                ? fixed(artefact, mask_name(layer, "neurons"), model.device())
                : neurons(by, counts.neurons, artefact, ffn_of(model, layer), layer, seed);
      }
      return parts;
    });
  }

 private:
  static std::unique_ptr<Chooser> heads(const std::string& by, std::int64_t count,
                                        const LayerShape& shape, std::uint64_t seed) {
    if (by == "oracle") return std::make_unique<Oracle>(count, shape.head_dim);
    return std::make_unique<Lottery>(count, shape.heads, seed, RoutingSite::kHeads);
  }

  static std::unique_ptr<Chooser> neurons(const std::string& by, std::int64_t count,
                                          const Artefact& artefact, const StandardFfn& ffn,
                                          std::int64_t layer, std::uint64_t seed) {
    if (by == "oracle") return std::make_unique<Oracle>(count, 1);
    if (by == "svd") {
      return std::make_unique<SvdEstimate>(count, ffn.activation(),
                                           thin_matrix(artefact, ffn, layer, Slot::kGate),
                                           thin_matrix(artefact, ffn, layer, Slot::kUp));
    }
    const auto& first = dynamic_cast<const DenseLinear&>(*ffn.linear(first_slots(ffn).front()));
    if (by == "sign") {
      PackedMatrix signs = on_device(
          load_packed(artefact.plan, artefact.tensors, signs_name(layer)), first.weight().device());
      return std::make_unique<SignEstimate>(count, PackedLinear(std::move(signs), {}));
    }
    return std::make_unique<Lottery>(count, first.out_features(), seed, RoutingSite::kNeurons);
  }
};

}  // namespace
}  // namespace contextual

void register_contextual(MethodRegistry& registry) {
  registry.add(std::make_unique<contextual::Contextual>());
}

}  // namespace assay
