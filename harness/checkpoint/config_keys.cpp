#include "harness/checkpoint/config_keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <iterator>
#include <string_view>

#include "harness/checkpoint/quantised.h"

namespace assay {
namespace {

// Keys that any model may carry. Those with a condition would change the model otherwise.
const std::vector<HarmlessKey>& common_keys() {
  static const std::vector<HarmlessKey> kKeys = {
      // What wrote the file, and for whom.
      {"model_type"},
      {"transformers_version"},
      {"_name_or_path"},
      {"name_or_path"},
      {"_commit_hash"},
      {"dtype"},
      {"torch_dtype"},
      {"tokenizer_class"},
      {"transformers.js_config"},
      {"unsloth_fixed"},
      {"unsloth_version"},
      {"is_llama_config"},
      {"license"},
      // Training.
      {"activation_dropout"},
      {"attention_dropout"},
      {"attention_probs_dropout_prob"},
      {"attn_pdrop"},
      {"classifier_dropout"},
      {"dropout"},
      {"embd_pdrop"},
      {"gradient_checkpointing"},
      {"hidden_dropout"},
      {"hidden_dropout_prob"},
      {"init_std"},
      {"initializer_factor"},
      {"initializer_range"},
      {"layerdrop"},
      {"resid_pdrop"},
      // How transformers runs and returns it.
      {"_attn_implementation"},
      {"_attn_implementation_autoset"},
      {"_attn_implementation_internal"},
      {"_experts_implementation"},
      {"_flash_attn_2_enabled"},
      {"attn_implementation"},
      {"chunk_size_feed_forward"},
      {"output_attentions"},
      {"output_hidden_states"},
      {"return_dict"},
      {"tie_last_hidden_states"},
      {"torchscript"},
      {"use_bfloat16"},
      {"use_cache"},
      {"use_flash_attention"},
      {"use_flash_attention_2"},
      {"use_flash_attn"},
      {"use_memory_efficient_attention"},
      {"use_return_dict"},
      // Other tasks than a causal language model.
      {"add_cross_attention", "false"},
      {"is_causal", "true"},
      {"finetuning_task"},
      {"id2label"},
      {"is_decoder"},
      {"is_encoder_decoder", "false"},
      {"label2id"},
      {"num_labels"},
      {"problem_type"},
      {"task_specific_params"},
      {"tf_legacy_loss"},
      {"tie_encoder_decoder", "false"},
      // Tokens, and settings of generation.
      {"bad_words_ids"},
      {"begin_suppress_tokens"},
      {"bos_token_id"},
      {"cls_token_id"},
      {"decoder_start_token_id"},
      {"diversity_penalty"},
      {"do_sample"},
      {"early_stopping"},
      {"encoder_no_repeat_ngram_size"},
      {"eos_token_id"},
      {"exponential_decay_length_penalty"},
      {"forced_bos_token_id"},
      {"forced_eos_token_id"},
      {"length_penalty"},
      {"mask_token_id"},
      {"max_length"},
      {"min_length"},
      {"no_repeat_ngram_size"},
      {"num_beam_groups"},
      {"num_beams"},
      {"num_return_sequences"},
      {"output_scores"},
      {"pad_token_id"},
      {"prefix"},
      {"remove_invalid_values"},
      {"repetition_penalty"},
      {"return_dict_in_generate"},
      {"sep_token_id"},
      {"suppress_tokens"},
      {"temperature"},
      {"top_k"},
      {"top_p"},
      {"typical_p"},
      {"unk_token_id"},
      // Empty in every model of these families.
      {"per_layer_config", "{}"},
      {"pruned_heads", "{}"},
  };
  return kKeys;
}

// Parts of names that speak of what is computed.
constexpr std::string_view kTelling[] = {
    "_act",    "_config",  "_dim",      "_eps",        "_layers",    "_theta", "activation",
    "adapter", "alibi",    "attention", "attn",        "bias",       "causal", "chunk",
    "clip",    "compress", "conv",      "directional", "embed",      "expert", "factor",
    "ffn",     "gate",     "head",      "kv_",         "layer_",     "logit",  "lora",
    "mamba",   "mask",     "mlp",       "moe",         "multiplier", "norm",   "position",
    "prune",   "quant",    "residual",  "rope",        "rotary",     "router", "scal",
    "skip",    "softcap",  "sparse",    "sparsity",    "ssm",        "stride", "window"};

bool speaks_of_computation(std::string key) {
  std::transform(key.begin(), key.end(), key.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return std::any_of(std::begin(kTelling), std::end(kTelling),
                     [&](std::string_view part) { return key.find(part) != std::string::npos; });
}

// A switch that is off, a count of nothing, an empty list.
bool switches_on(const Json& value) {
  if (value.is_boolean()) return value.get<bool>();
  if (value.is_number()) return value != 0;
  if (value.is_string()) return !value.get_ref<const std::string&>().empty();
  return !value.empty();
}

const HarmlessKey* find_key(const std::vector<HarmlessKey>& keys, const std::string& key) {
  const auto found =
      std::find_if(keys.begin(), keys.end(), [&](const HarmlessKey& k) { return key == k.key; });
  return found == keys.end() ? nullptr : &*found;
}

std::string shortened(const Json& value) {
  constexpr std::size_t kLongest = 60;
  std::string text = value.dump(-1, ' ', true);
  return text.size() <= kLongest ? text : text.substr(0, kLongest) + "...";
}

/// A family's own word on a key counts before that of all.
const HarmlessKey* known_key(const std::vector<HarmlessKey>& of_family, const std::string& key) {
  const HarmlessKey* own = find_key(of_family, key);
  return own != nullptr ? own : find_key(common_keys(), key);
}

bool allows(const HarmlessKey& key, const Json& value) {
  return key.allowed == nullptr || value == Json::parse(key.allowed);
}

void judge(ConfigReader& config, const std::string& key, const HarmlessKey* harmless) {
  const Json& value = config.at(key);
  if (harmless != nullptr) {
    if (allows(*harmless, value)) return;
    return config.problem(key, shortened(value),
                          std::string(harmless->allowed) + ", or no such key");
  }
  if (speaks_of_computation(key) && switches_on(value)) {
    return config.problem(key, shortened(value) + ", which this family does not read",
                          "no such key; it may change what the model computes");
  }
  config.remark(key, "is " + shortened(value) + " in config.json, which nothing here reads");
}

}  // namespace

bool is_harmless(const std::vector<HarmlessKey>& of_family, const std::string& key,
                 const Json& value) {
  const HarmlessKey* known = known_key(of_family, key);
  return known != nullptr && allows(*known, value);
}

void judge_unread_keys(ConfigReader& config, const std::vector<HarmlessKey>& of_family) {
  for (const std::string& key : config.unread()) {
    judge(config, key, known_key(of_family, key));
  }
}

void refuse_quantised_config(ConfigReader& config) {
  for (const char* key : {"quantization_config", "compression_config"}) {
    const Json& value = config.at(key);
    if (value.is_null()) continue;
    config.problem(key, "there: the model is quantised with " + quantisation_of_config(value),
                   "no such key. " + std::string(kImportTheOriginal));
  }
}

void remark_on_classes(ConfigReader& config, bool causal) {
  const Json& map = config.at("auto_map");
  if (!map.is_null()) {
    config.remark("auto_map", "names code that comes with the model; it is not run");
  }
  const Json& classes = config.at("architectures");
  for (const Json& entry : classes.is_array() ? classes : Json::array()) {
    const std::string name = entry.is_string() ? entry.get<std::string>() : entry.dump();
    const bool known =
        name.ends_with("Model") ||
        (causal ? name.ends_with("ForCausalLM") : name.ends_with("ForSequenceClassification"));
    if (known) continue;
    config.remark(
        "architectures",
        causal ? fmt::format("names {}, which is no causal language model; the model is "
                             "run as one",
                             name)
               : fmt::format("names {}; the encoder is run without that class's head", name));
  }
}

}  // namespace assay
