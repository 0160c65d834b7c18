// GPT-Neo: learned positions, scores that are not scaled, layers with a window in turn with others.

#include <algorithm>
#include <string>

#include "harness/checkpoint/family.h"

namespace assay {
namespace {

const std::vector<ConfigKey> kKeys = {
    {"vocab_size", &ModelSpec::vocab, {}},
    {"max_position_embeddings", &ModelSpec::max_positions, 2048},
    {"layer_norm_epsilon", &ModelSpec::norm_eps, 1e-5},
    {"tie_word_embeddings", &ModelSpec::tied_head, true},
};

constexpr const char* kTypes = "attention_types";
constexpr const char* kAllowed =
    "a list of [[\"global\" or \"local\", ...], repetitions] that names every layer once";

bool is_word(const Json& word) { return word == "global" || word == "local"; }

bool is_entry(const Json& entry) {
  return entry.is_array() && entry.size() == 2 && entry[0].is_array() &&
         std::all_of(entry[0].begin(), entry[0].end(), is_word) && entry[1].is_number_integer() &&
         entry[1] >= 0 && entry[1] <= 100'000;
}

/// A word for each layer.
std::vector<std::string> words_of(ConfigReader& config, std::int64_t layers) {
  const Json otherwise = Json::array({Json::array({Json::array({"global", "local"}), 12})});
  const Json& given = config.at(kTypes);
  const Json& list = given.is_null() ? otherwise : given;
  std::vector<std::string> words;
  bool good = list.is_array() && std::all_of(list.begin(), list.end(), is_entry);
  for (const Json& entry : good ? list : Json::array()) {
    for (std::int64_t i = 0; i < entry[1].get<std::int64_t>(); ++i) {
      for (const Json& word : entry[0]) words.push_back(word);
    }
  }
  if (good && std::ssize(words) == layers) return words;
  config.problem(kTypes, given.is_null() ? "missing, which stands for 24 layers" : list.dump(),
                 kAllowed);
  return std::vector<std::string>(static_cast<std::size_t>(layers), "global");
}

void read_windows(ConfigReader& config, ModelSpec& spec) {
  const std::vector<std::string> words = words_of(config, spec.layers);
  const std::int64_t window = config.count("window_size", 256);
  const Json& layers = config.at("attention_layers");
  if (!layers.is_null() && layers != Json(words)) {
    config.problem("attention_layers", layers.dump(),
                   Json(words).dump() + ", as 'attention_types' says");
  }
  if (std::find(words.begin(), words.end(), "local") == words.end()) return;
  for (const std::string& word : words) {
    spec.layer_windows.push_back(word == "local" ? window : 0);
  }
}

ModelSpec read_spec(ConfigReader& config) {
  ModelSpec spec;
  config.fill(spec, kKeys);
  // The second name of each is an alias in transformers.
  spec.layers = config.count_of({"num_layers", "num_hidden_layers"}, 24);
  spec.shape.heads = config.count_of({"num_heads", "num_attention_heads"}, 16);
  spec.width = config.count("hidden_size", 2048);
  spec.shape.kv_heads = spec.shape.heads;
  spec.shape.head_dim = std::max<std::int64_t>(spec.width / spec.shape.heads, 1);
  config.require_count("head_dim", spec.shape.head_dim, "hidden_size over the number of heads");
  spec.shape.ffn_width = config.count("intermediate_size", 4 * spec.width);
  spec.activation = config.activation("activation_function", "gelu_new");
  spec.attention_scale = 1;
  spec.attention_out_bias = spec.ffn_bias = spec.ffn_out_bias = true;
  read_windows(config, spec);
  return spec;
}

std::vector<TensorRule> tensors(const ModelSpec& spec) {
  return {
      {"wte", Slot::kEmbedding},
      {"wpe", Slot::kPositions},
      {"h.{}.ln_1", Slot::kAttentionNorm, true},
      {"h.{}.attn.attention.q_proj", Slot::kQ},
      {"h.{}.attn.attention.k_proj", Slot::kK},
      {"h.{}.attn.attention.v_proj", Slot::kV},
      {"h.{}.attn.attention.out_proj", Slot::kO, true},
      {"h.{}.ln_2", Slot::kFfnNorm, true},
      {"h.{}.mlp.c_fc", Slot::kUp, true},
      {"h.{}.mlp.c_proj", Slot::kDown, true},
      {"ln_f", Slot::kFinalNorm, true},
      {"lm_head", Slot::kHead, false, TensorLayout::kPlain, !spec.tied_head},
  };
}

std::vector<ConfigKey> written(const std::string&) {
  std::vector<ConfigKey> keys = {
      {"num_layers", &ModelSpec::layers, {}}, {"num_hidden_layers", &ModelSpec::layers, {}},
      {"num_heads", &LayerShape::heads, {}},  {"num_attention_heads", &LayerShape::heads, {}},
      {"hidden_size", &ModelSpec::width, {}}, {"intermediate_size", &LayerShape::ffn_width, {}}};
  keys.insert(keys.end(), kKeys.begin(), kKeys.end());
  return keys;
}

std::map<std::string, Json> windows(const ModelSpec& spec) {
  Json words = Json::array();
  for (std::int64_t layer = 0; layer < spec.layers; ++layer) {
    words.push_back(window_of(spec, layer) > 0 ? "local" : "global");
  }
  return {{"attention_layers", words}, {kTypes, Json::array({Json::array({words, 1})})}};
}

}  // namespace

Family family_gpt_neo() {
  return {
      {"gpt_neo", "GPT-Neo: learned positions, local and global attention in turn", {"gpt_neo"}},
      read_spec,
      tensors,
      {"transformer.", ""},
      {{"embed_dropout"},
       {"resid_dropout"},
       {"summary_activation"},
       {"summary_first_dropout"},
       {"summary_proj_to_labels"},
       {"summary_type"},
       {"summary_use_proj"}},
      written,
      windows};
}

}  // namespace assay
