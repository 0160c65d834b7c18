#pragma once
// A made-up paper and made-up measurements.

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "harness/base/clock.h"
#include "harness/base/errors.h"
#include "harness/claims/judge_claims.h"

namespace assay {

inline constexpr const char* kTestMetrics = R"([[metric]]
id = "wt2_ppl@4096"
kind = "perplexity"
means = "perplexity"
tag = "token_ppl"
suite = "wikitext2-ppl"
convention = "gptq@4096:"
[[metric]]
id = "acc"
kind = "accuracy"
means = "accuracy"
tag = "acc"
convention = "lm-evaluation-harness "
[[metric]]
id = "mcc"
kind = "accuracy"
means = "correlation"
absent = "no suite of it"
[[metric]]
id = "speedup_x"
kind = "speedup"
means = "speed-up"
tag = "decode/token_latency"
[[metric]]
id = "size_reduction"
kind = "reduction"
means = "share removed"
tag = "model/params"
[[metric]]
id = "latency"
kind = "time"
means = "milliseconds of a step"
tag = "decode/token_latency"
[[dataset]]
names = ["PIQA"]
suite = "piqa"
[[tolerance]]
kind = "perplexity"
methods = ["dense"]
absolute = 0.01
why = "precision"
[[tolerance]]
kind = "perplexity"
methods = ["magnitude"]
relative = 0.01
why = "deterministic"
[[tolerance]]
kind = "perplexity"
pattern = "N:M"
absolute = 0.3
why = "spread"
[[tolerance]]
kind = "perplexity"
methods = ["wanda"]
sparsity = 0.5
absolute = 0.05
other_seed = 0.15
why = "spread"
[[tolerance]]
kind = "perplexity"
relative = 0.02
why = "chosen"
[[tolerance]]
kind = "accuracy"
absolute = 0.006
why = "spread"
[[tolerance]]
kind = "speedup"
relative = 0.1
why = "chosen"
[[tolerance]]
kind = "reduction"
absolute = 0.005
why = "chosen"
)";

inline constexpr const char* kTestPaper = R"(paper = "small"
title = "A small paper"
reference = "nowhere"
[model_names]
"LLaMA-3-8B" = ["Meta-Llama-3-8B"]
[[table]]
dataset = "WikiText-2"
metric = "wt2_ppl@4096"
unit = "ppl"
source = "README"
evidence = "verified"
calibration = { dataset = "c4", samples = 128, tokens = 4096 }
rows = [
  { id = "dense", model = "LLaMA-2-7B", setting = "dense", method = "dense", params = {}, value = 5.12 },
  { id = "wanda50", model = "LLaMA-2-7B", setting = "50 %", method = "wanda", params = { sparsity = 0.5 }, value = 6.42 },
  { id = "wanda24", model = "LLaMA-2-7B", setting = "2:4", method = "wanda", params = { pattern = "2:4" }, value = 11.02 },
  { id = "wanda70", model = "LLaMA-2-7B", setting = "70 %", method = "wanda", params = { sparsity = 0.7 }, value = 50 },
  { id = "magnitude50", model = "LLaMA-2-7B", setting = "50 %", method = "magnitude", params = { sparsity = 0.5 }, value = 14.89 },
  { id = "ours", model = "LLaMA-2-7B", setting = "50 %", method = "ours", value = 6 },
  { id = "vague", model = "LLaMA-2-7B", setting = "some", method = "wanda", value = 6 },
  { id = "below", model = "LLaMA-2-7B", setting = "50 %", method = "wanda", params = { sparsity = 0.5 }, below = 6.5 },
  { id = "above", model = "LLaMA-2-7B", setting = "50 %", method = "wanda", params = { sparsity = 0.5 }, above = 6.5 },
  { id = "range", model = "LLaMA-2-7B", setting = "50 %", method = "wanda", params = { sparsity = 0.5 }, range = [6.4, 6.5] },
  { id = "words", model = "LLaMA-2-7B", setting = "50 %", method = "wanda", params = { sparsity = 0.5 }, text = "small" },
  { id = "upto", model = "LLaMA-2-7B", setting = "50 %", method = "wanda", params = { sparsity = 0.5 }, value = 6.4, comparison = "informational" },
  { id = "second", model = "LLaMA-2-7B", setting = "50 %", method = "wanda", params = { sparsity = 0.5 }, value = 6.42, evidence = "secondary" },
  { id = "recalled", model = "LLaMA-2-7B", setting = "50 %", method = "wanda", params = { sparsity = 0.5 }, value = 6.42, evidence = "recalled" },
  { id = "empty", model = "LLaMA-2-7B", setting = "50 %", method = "wanda", params = { sparsity = 0.5 }, evidence = "unknown" },
  { id = "randomly", model = "LLaMA-2-7B", setting = "50 %", method = "wanda", params = { sparsity = 0.5 }, value = 6.42, weights = "random" },
  { id = "alias", model = "LLaMA-3-8B", setting = "dense", method = "dense", params = {}, value = 6 },
]
[[table]]
model = "LLaMA-2-7B"
metric = "acc"
unit = "%"
source = "README"
evidence = "verified"
rows = [
  { id = "piqa", dataset = "PIQA", setting = "dense", method = "dense", params = {}, shots = 0, value = 78.1 },
  { id = "piqa.part", dataset = "PIQA", setting = "dense", method = "dense", params = {}, value = 0.781, unit = "fraction" },
  { id = "piqa5", dataset = "PIQA", setting = "dense", method = "dense", params = {}, shots = 5, value = 78.1 },
  { id = "piqa.magnitude", dataset = "PIQA", setting = "50 %", method = "magnitude", params = { sparsity = 0.5 }, shots = 0, value = 70.0 },
  { id = "rte", dataset = "RTE", setting = "dense", method = "dense", params = {}, value = 60 },
  { id = "cola", dataset = "CoLA", metric = "mcc", setting = "dense", method = "dense", params = {}, value = 60 },
  { id = "odd", dataset = "PIQA", metric_text = "happiness", setting = "dense", method = "dense", params = {}, value = 60 },
]
[[table]]
model = "LLaMA-2-7B"
dataset = "-"
metric = "speedup_x"
unit = "x"
source = "README"
evidence = "verified"
setting = "2:4"
method = "wanda"
params = { pattern = "2:4" }
calibration = { dataset = "c4", samples = 128, tokens = 4096 }
rows = [
  { id = "fast", against = "dense", device = "cuda", batch = 1, value = 1.24 },
  { id = "fast.random", against = "dense", device = "cuda", weights = "random", value = 1.24 },
  { id = "fast.other", baseline = "slow", device = "cuda", value = 1.24 },
  { id = "fast.base", baseline = "slow.dense", device = "cuda", value = 1.24 },
  { id = "slow.dense", metric = "latency", method = "dense", params = {}, device = "cuda", unit = "ms", value = 50 },
  { id = "fast.where", against = "dense", value = 1.24 },
  { id = "fast.stack", against = "dense", device = "cuda", stack = "vLLM", value = 1.6 },
  { id = "fast.offload", against = "dense", device = "cuda", regime = "offload", value = 6.97 },
  { id = "fast.length", against = "dense", device = "cuda", prompt_tokens = 91, value = 1.24 },
  { id = "slow", metric = "latency", device = "cuda", hardware = "A100", unit = "ms", value = 40 },
  { id = "size", metric = "size_reduction", denominator = "model", unit = "%", value = 43.1 },
  { id = "size.ffn", metric = "size_reduction", denominator = "ffn", unit = "%", value = 43.1 },
]
)";

/// A share folder with one paper without a method here, and more where a test writes them.
class ClaimsShare {
 public:
  ClaimsShare() : path_(std::filesystem::temp_directory_path() / ("assay-claims-" + new_uuid())) {
    write("claims/metrics.toml", kTestMetrics);
    write("claims/papers/small.toml", kTestPaper);
  }
  ~ClaimsShare() { std::filesystem::remove_all(path_); }
  ClaimsShare(const ClaimsShare&) = delete;
  ClaimsShare& operator=(const ClaimsShare&) = delete;

  void write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name) << text;
  }
  [[nodiscard]] ClaimSet claims() const { return read_claims(path_); }
  /// What is wrong, without the folder's name; "" when nothing is.
  [[nodiscard]] std::string problems() const {
    try {
      (void)claims();
      return "";
    } catch (const UserError& error) {
      std::string text = error.what();
      const std::string folder = path_.string() + "/";
      for (std::size_t at = text.find(folder); at != std::string::npos; at = text.find(folder)) {
        text.erase(at, folder.size());
      }
      return text;
    }
  }

 private:
  std::filesystem::path path_;
};

inline MethodKnowledge known_methods() {
  MethodKnowledge methods;
  methods.defaults["dense"] = Json::object();
  methods.defaults["magnitude"] = {{"sparsity", 0.5}, {"pattern", "unstructured"}};
  methods.defaults["wanda"] = {{"sparsity", 0.5}, {"pattern", "unstructured"}, {"scope", "row"}};
  return methods;
}

/// The dense model of the made-up paper on its own data, exactly as published.
inline Measured measured_dense() {
  Measured measured;
  measured.database = "r.db";
  ResultRow& row = measured.row;
  row.experiment = "e";
  row.model = "models/Llama-2-7b-hf";
  row.method = "dense";
  row.suite = "wikitext2-ppl";
  row.metric = "token_ppl";
  row.convention = "gptq@{window}: windows";
  row.direction = -1;
  row.profile = "cuda";
  row.status = "OK";
  row.value = row.twin_value = 5.12;
  row.ratio = 1;
  measured.suite_params = {{"window", 4096}, {"limit", 0}};
  measured.device = "cuda";
  return measured;
}

/// Wanda at 50 % with the paper's calibration, on top of measured_dense().
inline Measured measured_wanda(double value) {
  Measured measured = measured_dense();
  measured.row.method = "wanda";
  measured.row.value = value;
  measured.row.ratio = value / 5.12;
  measured.params = {{"sparsity", 0.5}, {"pattern", "unstructured"}, {"scope", "row"}};
  measured.calibration = {
      {"dataset", "c4"}, {"split", "train"}, {"samples", 128}, {"tokens", 4096}};
  return measured;
}

/// Wanda 2:4, timed: `ratio` of its time to the dense twin's.
inline Measured measured_time(double ratio) {
  Measured measured = measured_wanda(0);
  measured.params["pattern"] = "2:4";
  ResultRow& row = measured.row;
  row.suite = "decode";
  row.metric = "decode/token_latency";
  row.convention = "median";
  row.unit = "s";
  row.value = 0.03 * ratio;
  row.twin_value = 0.03;
  row.ratio = ratio;
  measured.suite_params = {{"batch", 1}, {"prompt_tokens", 128}, {"new_tokens", 64}};
  return measured;
}

}  // namespace assay
