#include "methods/tardis/settings.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/base/param_makers.h"
#include "harness/method/ffn_widths.h"
#include "harness/method/optimal_brain_surgeon.h"

namespace assay {
namespace {

constexpr std::int64_t kGroupStep = 32;  // what a packed matrix can store

std::vector<ParamSpec> budget_params() {
  return {
      real_param("target_ratio", 0.8, {.min = 0, .max = 1, .max_open = true},
                 "Part of the block's weight traffic that shall be saved"),
      choice_param("ratio_definition", {"fold_plus_access", "with_predictor"},
                   "Whether the predictor's own traffic counts in target_ratio"),
      real_param("fallback", -1, {.min = -1, .max = 1},
                 "Share of the neurons computed exactly, for a token; negative: from target_ratio"),
      choice_param("threshold_policy", {"layer_and_neuron", "neuron", "uniform"},
                   "Among whom the exactly computed share is divided by the error it saves")};
}

std::vector<ParamSpec> predictor_params() {
  ParamSpec bins = count_param("bins", 512, 16, "",
                               "Bins of each neuron's histogram, the resolution of its window");
  bins.max = 8192;
  return {choice_param("predictor", {"gptq2", "rtn4", "low_rank", "oracle"},
                       "What foresees which neurons leave their window"),
          count_param("predictor_group", 128, kGroupStep, "columns",
                      "Columns that share a scale in the packed predictor"),
          count_param("predictor_rank", 0, 0, "",
                      "Rank of the low_rank predictor; 0: as many bytes as gptq2 takes"),
          real_param("kappa", 1.0, {.min = 0},
                     "Guard band of a window in standard deviations of the prediction's error"),
          bins,
          damping_param()};
}

std::vector<ParamSpec> scope_params() {
  ParamSpec skip;
  skip.name = "skip_layers";
  skip.type = ParamType::kIntList;
  skip.default_value = Json::array();
  skip.help = "Layers that stay dense, counted from 0";
  return {skip,
          formerly(choice_param(
                       "calibrate_on", {"dense", "compressed"},
                       "Whether a layer is fitted behind dense or behind already folded layers"),
                   {"layer_activations"}, {{"sequential", "compressed"}}),
          count_param("skip_first_tokens", 0, 0, "tokens",
                      "Leading tokens of each calibration sequence that are not counted"),
          choice_param("prefill", {"dense", "fold_only", "per_token"},
                       "What a prompt runs when it fills a cache"),
          choice_param("batch", {"per_row", "dense", "fold_only"},
                       "What a decoding step of more than one sequence runs"),
          choice_param("gate_mode", {"none", "const", "ols"},
                       "Experimental: what stands for the activation in a gated block")};
}

FfnShape shape_of(const ModelSpec& spec) { return {spec.width, ffn_width_of(spec)}; }

PredictorOptions predictor_options(const Params& params) {
  return {predictor_kind(params.get_text("predictor")), params.get_int("predictor_group"),
          params.get_int("predictor_rank"), params.get_real("damping")};
}

bool counts_predictor(const Params& params) {
  return params.get_text("ratio_definition") == "with_predictor";
}

/// What is read for every token whatever the budget, as a share of the dense block.
double fixed_share(const ModelSpec& spec, const Params& params) {
  const FfnShape shape = shape_of(spec);
  double fixed = fold_share(shape);
  if (counts_predictor(params)) fixed += predictor_bytes_share(predictor_options(params), shape);
  return fixed;
}

void check_target(const ModelSpec& spec, const Params& params, std::vector<std::string>& problems) {
  if (params.get_real("fallback") >= 0) return;
  const double fixed = fixed_share(spec, params), target = params.get_real("target_ratio");
  if (allowed_fallback(target, fixed) >= 0) return;
  problems.push_back(fmt::format(
      "target_ratio = {} leaves no fallback: the folded matrix{} alone reads {:.2f} % of the "
      "block of width {} and {} neurons; the nearest target that can be met is {:.4f}",
      target, counts_predictor(params) ? " and the predictor" : "", 100 * fixed, spec.width,
      ffn_width_of(spec), std::max(0.0, 1 - fixed)));
}

void check_predictor(const ModelSpec& spec, const Params& params,
                     std::vector<std::string>& problems) {
  const PredictorOptions options = predictor_options(params);
  if (options.group % kGroupStep != 0) {
    problems.push_back(
        fmt::format("predictor_group = {} is not a multiple of {}", options.group, kGroupStep));
    return;
  }
  if (options.kind != PredictorKind::kLowRank || options.rank == 0) return;
  const std::int64_t neurons = ffn_width_of(spec);
  const std::int64_t pays = spec.width * neurons / (spec.width + neurons);
  if (options.rank > pays) {
    problems.push_back(fmt::format(
        "predictor_rank = {} saves nothing against the first matrix of {} x {}; at most {} does",
        options.rank, neurons, spec.width, pays));
  }
}

void check_gate(const ModelSpec& spec, const Params& params, std::vector<std::string>& problems) {
  const bool asked = params.get_text("gate_mode") != "none";
  if (spec.ffn_gated && !asked) {
    problems.push_back(
        "ffn.gated must be false (this model: true): a line in place of the gate's activation "
        "leaves a product of two linear maps, which does not fold; gate_mode = 'const' or 'ols' "
        "puts a constant there (experimental)");
  }
  if (!spec.ffn_gated && asked) {
    problems.push_back("gate_mode is for gated blocks; this model has plain ones: leave it 'none'");
  }
  if (spec.ffn_gated && asked && params.get_real("fallback") > 0) {
    problems.push_back("with gate_mode nothing is computed exactly: fallback must stay 0");
  }
}

}  // namespace

bool TardisSettings::skips(std::int64_t layer) const {
  return std::find(skip_layers.begin(), skip_layers.end(), layer) != skip_layers.end();
}

ManyRows many_rows(const std::string& text) {
  if (text == "dense") return ManyRows::kDense;
  return text == "fold_only" ? ManyRows::kFoldOnly : ManyRows::kPerRow;
}

std::vector<ParamSpec> tardis_params() {
  std::vector<ParamSpec> params = budget_params();
  for (auto& group : {predictor_params(), scope_params()}) {
    params.insert(params.end(), group.begin(), group.end());
  }
  return params;
}

TardisSettings tardis_settings(const ModelSpec& spec, const Params& params) {
  TardisSettings settings;
  const double given = params.get_real("fallback");
  settings.fallback = given >= 0 ? given
                                 : std::max(0.0, allowed_fallback(params.get_real("target_ratio"),
                                                                  fixed_share(spec, params)));
  const std::string thresholds = params.get_text("threshold_policy");
  settings.thresholds = thresholds == "uniform"  ? ThresholdPolicy::kUniform
                        : thresholds == "neuron" ? ThresholdPolicy::kNeuron
                                                 : ThresholdPolicy::kLayerAndNeuron;
  settings.predictor = predictor_options(params);
  settings.kappa = params.get_real("kappa");
  settings.bins = params.get_int("bins");
  settings.skip_first_tokens = params.get_int("skip_first_tokens");
  settings.sequential = params.get_text("calibrate_on") == "compressed";
  settings.policy = {many_rows(params.get_text("prefill")), many_rows(params.get_text("batch"))};
  const std::string gate = params.get_text("gate_mode");
  settings.gate = gate == "const" ? GateMode::kConst
                  : gate == "ols" ? GateMode::kOls
                                  : GateMode::kNone;
  settings.skip_layers = params.get_int_list("skip_layers");
  return settings;
}

std::vector<std::string> tardis_unmet(const ModelSpec& spec, const Params& params) {
  std::vector<std::string> problems;
  const std::string unlike = unlike_ffn_problem(spec);
  if (!unlike.empty()) problems.push_back(unlike);
  check_gate(spec, params, problems);
  if (!spec.ffn_gated) {
    check_predictor(spec, params, problems);
    if (problems.empty()) check_target(spec, params, problems);
  }
  for (const std::int64_t layer : params.get_int_list("skip_layers")) {
    if (layer < 0 || layer >= spec.layers) {
      problems.push_back(fmt::format("skip_layers names layer {}; this model has layers 0 to {}",
                                     layer, spec.layers - 1));
    }
  }
  return problems;
}

}  // namespace assay
