#include "harness/suite/suite_fixture.h"

#include <ATen/ops/log_softmax.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cmath>
#include <fstream>

#include "harness/base/clock.h"
#include "harness/base/python_random.h"
#include "harness/protocol/item_value.h"

namespace assay {
namespace {

constexpr const char* kLlama = R"({"model_type": "llama",
  "architectures": ["LlamaForCausalLM"], "hidden_size": 32, "intermediate_size": 48,
  "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
  "vocab_size": 101, "max_position_embeddings": 40, "rms_norm_eps": 1e-5,
  "rope_theta": 10000.0, "hidden_act": "silu", "tie_word_embeddings": true,
  "torch_dtype": "float32"})";
constexpr const char* kGpt2 = R"({"model_type": "gpt2",
  "architectures": ["GPT2LMHeadModel"], "n_embd": 32, "n_inner": 48, "n_layer": 2, "n_head": 4,
  "vocab_size": 101, "n_positions": 40, "layer_norm_epsilon": 1e-5,
  "activation_function": "gelu_new", "torch_dtype": "float32"})";

void write_manifest(const std::filesystem::path& folder, Json manifest, const std::string& file) {
  manifest["version"] = 1;
  manifest["files"] = {{file, sha256_file(folder / file)}};
  write_file_atomically(folder / "manifest.json", manifest.dump());
}

}  // namespace

std::string ScratchFolder::new_name() { return new_uuid(); }

Model small_model(bool rotary, std::uint64_t seed) {
  const ScratchFolder folder;
  std::ofstream(folder.path() / "config.json") << (rotary ? kLlama : kGpt2);
  LoadOptions options;
  options.random_weights = true;
  options.seed = seed;
  return Model::load(folder.path(), options);
}

void write_stream(const std::filesystem::path& folder, const std::vector<std::int32_t>& tokens) {
  write_file_atomically(folder / "tokens.bin",
                        {reinterpret_cast<const char*>(tokens.data()), tokens.size() * 4});
  write_manifest(folder, {{"format", "stream"}, {"tokens", tokens.size()}}, "tokens.bin");
}

void write_items(const std::filesystem::path& folder, const Json& document) {
  write_file_atomically(folder / "items.json", document.dump());
  write_manifest(folder, {{"format", "items"}}, "items.json");
}

std::vector<std::int64_t> some_tokens(std::uint64_t seed, std::int64_t count, std::int64_t vocab) {
  PythonRandom random(seed);
  std::vector<std::int64_t> tokens;
  for (std::int64_t i = 0; i < count; ++i) tokens.push_back(random.randint(0, vocab - 1));
  return tokens;
}

void run_kind(const std::string& kind, SuiteContext& context, const Json& params) {
  SuiteRegistry registry;
  register_builtin_suites(registry);
  const SuiteKind& suite = registry.get(kind);
  suite.run(context, Params(suite.info().params, params));
}

void expect_made_of_items(const std::string& kind, const RecordingContext& context) {
  SuiteRegistry registry;
  register_builtin_suites(registry);
  std::size_t seen = 0;
  for (const MetricDef& def : registry.get(kind).info().metrics) {
    const auto emitted = context.metrics.find(def.tag);
    if (emitted == context.metrics.end()) continue;
    ++seen;
    double sum = 0;
    std::int64_t count = 0;
    for (const ItemScore& item : context.items) {
      const std::optional<double> value = item_value(item, def.item_value);
      sum += value.value_or(0);
      count += value ? 1 : 0;
    }
    const double mean = sum / static_cast<double>(count);
    EXPECT_EQ(count, emitted->second.n) << def.tag;
    const double expected = def.basis == Basis::kExpMean ? std::exp(mean) : mean;
    EXPECT_NEAR(emitted->second.value.value(), expected, 1e-12 * std::max(1.0, expected))
        << def.tag;
  }
  EXPECT_EQ(seen, context.metrics.size());
}

double naive_log_likelihood(const Model& model, const std::vector<std::int64_t>& tokens,
                            std::int64_t from) {
  const at::Tensor input = at::tensor(tokens, at::kLong).unsqueeze(0);
  const at::Tensor log_probs =
      at::log_softmax(model.logits(model.hidden(input)).to(at::kDouble), 1);
  double sum = 0;
  for (std::int64_t i = from; i < std::ssize(tokens); ++i) {
    sum += log_probs[i - 1][tokens[static_cast<std::size_t>(i)]].item<double>();
  }
  return sum;
}

}  // namespace assay
