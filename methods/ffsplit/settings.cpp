#include "methods/ffsplit/settings.h"

#include <algorithm>
#include <iterator>

#include "harness/base/param_makers.h"

namespace assay::ffsplit {
namespace {

// In the order of the enumerations.
const std::vector<std::string> kCompressors{"keep", "svd", "svd_weighted", "rtn", "gptq"};
const std::vector<std::string> kScoreModes{"l2_act_times_vnorm", "l2_act", "mean_abs",
                                           "topk_frequency"};
const std::vector<std::string> kDenominators{"ffn_params", "ffn_bytes", "model_params",
                                             "model_bytes"};

template <typename Enum>
Enum one_of(const std::vector<std::string>& names, const std::string& name) {
  return static_cast<Enum>(
      std::distance(names.begin(), std::find(names.begin(), names.end(), name)));
}

ParamSpec share_param(const char* name, double value, const char* help) {
  return real_param(name, value, {.min = 0, .max = 1}, help);
}

/// compressor_1, rank_1, bits_1, group_1, and the same with 2.
void add_part(std::vector<ParamSpec>& specs, const std::string& number, const std::string& neurons,
              const char* compressor) {
  ParamSpec which = choice_param("compressor_" + number, kCompressors,
                                 "What happens to the matrices of " + neurons);
  which.default_value = compressor;
  const std::string of = "Of compressor_" + number + ": ";
  specs.push_back(which);
  specs.push_back(
      count_param("rank_" + number, 0, 0, "",
                  of + "rank of a low-rank one" +
                      (number == "2" ? "; 0 = the largest that meets the target" : "")));
  specs.push_back(count_param("bits_" + number, number == "1" ? 8 : 3, 2, "bits",
                              of + "bits a weight of a quantiser: 2, 3, 4 or 8"));
  specs.push_back(count_param("group_" + number, 128, kGroupMultiple, "columns",
                              of + "columns that share a scale, a multiple of 32"));
}

PartSettings read_part(const Params& params, const std::string& number) {
  PartSettings part;
  part.compressor = one_of<Compressor>(kCompressors, params.get_text("compressor_" + number));
  part.rank = params.get_int("rank_" + number);
  part.quantize = {params.get_int("bits_" + number), params.get_int("group_" + number)};
  return part;
}

void check_part(const PartSettings& part, const std::string& number,
                std::vector<std::string>& problems) {
  if (!is_quantizer(part.compressor)) return;
  for (const std::string& problem :
       quantize_problems(part.quantize, "bits_" + number, "group_" + number)) {
    problems.push_back(problem);
  }
}

}  // namespace

bool is_low_rank(Compressor compressor) {
  return compressor == Compressor::kSvd || compressor == Compressor::kSvdWeighted;
}

bool is_quantizer(Compressor compressor) {
  return compressor == Compressor::kRtn || compressor == Compressor::kGptq;
}

bool Settings::needs_gram() const {
  return std::any_of(parts.begin(), parts.end(), [](const PartSettings& part) {
    return part.compressor == Compressor::kSvdWeighted || part.compressor == Compressor::kGptq;
  });
}

bool Settings::solves_rank() const {
  return is_low_rank(parts[1].compressor) && parts[1].rank == 0;
}

std::vector<ParamSpec> param_specs() {
  std::vector<ParamSpec> specs = {
      choice_param("score_mode", kScoreModes, "What makes a neuron a heavy hitter"),
      share_param("p", 0.1, "Part of the neurons that are heavy hitters"),
      choice_param("p_scope", {"per_layer", "global"},
                   "Neurons compete within their layer or over all layers"),
      count_param("align", 8, 1, "neurons", "Heavy hitters and solved ranks are multiples of this"),
      share_param("top_share", 0.1,
                  "Of topk_frequency: part of the neurons that counts as the largest of a token"),
      count_param("first_tokens", 0, 0, "tokens",
                  "Leave these tokens of each calibration sequence out of all statistics")};
  add_part(specs, "1", "the heavy hitters", "keep");
  add_part(specs, "2", "the other neurons", "svd");
  specs.push_back(share_param("target", 0.3,
                              "Part of the denominator that must go; gives what is to be solved"));
  specs.push_back(choice_param("denominator", kDenominators, "What target is a part of"));
  specs.push_back(flag_param("solve_p", false, "Solve p from the target instead of the rank"));
  specs.push_back(
      flag_param("slack_to_heavy", true,
                 "Turn what a solved rank leaves of the target into more heavy hitters"));
  specs.push_back(damping_param());
  specs.push_back(calibrate_on_param());
  return specs;
}

Settings read_settings(const Params& params) {
  Settings settings;
  settings.score = one_of<ScoreMode>(kScoreModes, params.get_text("score_mode"));
  settings.p = params.get_real("p");
  settings.global = params.get_text("p_scope") == "global";
  settings.align = params.get_int("align");
  settings.top_share = params.get_real("top_share");
  settings.first_tokens = params.get_int("first_tokens");
  settings.parts = {read_part(params, "1"), read_part(params, "2")};
  settings.target = params.get_real("target");
  settings.denominator = one_of<Denominator>(kDenominators, params.get_text("denominator"));
  settings.solve_p = params.get_bool("solve_p");
  settings.slack_to_heavy = params.get_bool("slack_to_heavy");
  settings.damping = params.get_real("damping");
  settings.calibrate_on = calibrate_on_value(params);
  return settings;
}

std::vector<std::string> setting_problems(const Settings& settings) {
  std::vector<std::string> problems;
  check_part(settings.parts[0], "1", problems);
  check_part(settings.parts[1], "2", problems);
  if (is_low_rank(settings.parts[0].compressor) && settings.parts[0].rank == 0 && settings.p > 0) {
    problems.emplace_back("compressor_1 is of low rank, and rank_1 is 0: give its rank");
  }
  if (settings.solve_p && settings.solves_rank()) {
    problems.emplace_back("solve_p = true needs a rank_2: the target cannot give both");
  }
  if (settings.solve_p && settings.global) {
    problems.emplace_back("solve_p = true needs p_scope = 'per_layer'");
  }
  return problems;
}

std::string denominator_name(Denominator denominator) {
  return kDenominators[static_cast<std::size_t>(denominator)];
}

}  // namespace assay::ffsplit
