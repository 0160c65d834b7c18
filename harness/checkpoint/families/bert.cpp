// BERT and its kin: an encoder with token types and norms after the residual; a pooler and a
// classifier where the checkpoint has them.

#include <algorithm>
#include <string>

#include "harness/checkpoint/family.h"

namespace assay {
namespace {

constexpr std::int64_t kDefaultLabels = 2;

const std::vector<ConfigKey> kKeys = {
    {"num_hidden_layers", &ModelSpec::layers, 12},
    {"hidden_size", &ModelSpec::width, 768},
    {"num_attention_heads", &LayerShape::heads, 12},
    {"intermediate_size", &LayerShape::ffn_width, 3072},
    {"vocab_size", &ModelSpec::vocab, 30522},
    {"max_position_embeddings", &ModelSpec::max_positions, 512},
    {"type_vocab_size", &ModelSpec::token_types, 2},
    {"layer_norm_eps", &ModelSpec::norm_eps, 1e-12},
    {"hidden_dropout_prob", &ModelSpec::hidden_dropout, 0.1},
    {"attention_probs_dropout_prob", &ModelSpec::attention_dropout, 0.1},
};

void read_variant(ConfigReader& config) {
  const std::string positions = config.text("position_embedding_type", "absolute");
  if (positions != "absolute") {
    config.problem("position_embedding_type", "\"" + positions + "\"", "\"absolute\"");
  }
  config.require_flag("is_decoder", false);
  config.require_flag("add_cross_attention", false);
}

bool is_classifier(const ConfigReader& config) {
  const Json& classes = config.at("architectures");
  return classes.is_array() && std::any_of(classes.begin(), classes.end(), [](const Json& name) {
           return name.is_string() &&
                  name.get<std::string>().ends_with("ForSequenceClassification");
         });
}

/// "negative", "positive": by id2label, whose keys are "0", "1", ...
std::vector<std::string> labels_of(ConfigReader& config, std::int64_t count) {
  const Json& names = config.at("id2label");
  std::vector<std::string> labels;
  for (std::int64_t i = 0; names.is_object() && i < count; ++i) {
    const Json name = names.value(std::to_string(i), Json());
    if (!name.is_string()) {
      config.problem("id2label", names.dump(), "a name for each label from 0 on");
      return {};
    }
    labels.push_back(name.get<std::string>());
  }
  return labels;
}

void read_classifier(ConfigReader& config, ModelSpec& spec) {
  const Json& names = config.at("id2label");
  const std::int64_t named =
      names.is_object() ? static_cast<std::int64_t>(names.size()) : kDefaultLabels;
  spec.output = OutputKind::kClassifier;
  spec.classes = config.count("num_labels", named);
  spec.labels = labels_of(config, spec.classes);
  const std::string problem = config.text("problem_type", "single_label_classification");
  if (problem != "single_label_classification") {
    config.problem("problem_type", "\"" + problem + "\"", "\"single_label_classification\"");
  }
  if (spec.classes < 2) config.problem("num_labels", std::to_string(spec.classes), "2 or more");
}

ModelSpec read_spec(ConfigReader& config) {
  ModelSpec spec;
  config.fill(spec, kKeys);
  read_variant(config);
  spec.shape.kv_heads = spec.shape.heads;
  spec.shape.head_dim = spec.width / spec.shape.heads;
  spec.activation = config.activation("hidden_act", "gelu");
  spec.causal = false;
  spec.pre_norm = false;
  spec.final_norm = false;
  spec.embedding_norm = true;
  spec.qkv_bias = spec.attention_out_bias = spec.ffn_bias = spec.ffn_out_bias = true;
  spec.pooler_width = spec.width;
  spec.output = OutputKind::kNone;
  spec.classifier_dropout = config.real("classifier_dropout", spec.hidden_dropout);
  if (is_classifier(config)) read_classifier(config, spec);
  return spec;
}

std::vector<TensorRule> tensors(const ModelSpec& spec) {
  constexpr auto kPlain = TensorLayout::kPlain;
  return {
      {"embeddings.word_embeddings", Slot::kEmbedding},
      {"embeddings.position_embeddings", Slot::kPositions},
      {"embeddings.token_type_embeddings", Slot::kTokenTypes, false, kPlain, spec.token_types > 0},
      {"embeddings.LayerNorm", Slot::kEmbeddingNorm, true},
      {"encoder.layer.{}.attention.self.query", Slot::kQ, true},
      {"encoder.layer.{}.attention.self.key", Slot::kK, true},
      {"encoder.layer.{}.attention.self.value", Slot::kV, true},
      {"encoder.layer.{}.attention.output.dense", Slot::kO, true},
      {"encoder.layer.{}.attention.output.LayerNorm", Slot::kAttentionNorm, true},
      {"encoder.layer.{}.intermediate.dense", Slot::kUp, true},
      {"encoder.layer.{}.output.dense", Slot::kDown, true},
      {"encoder.layer.{}.output.LayerNorm", Slot::kFfnNorm, true},
      {"pooler.dense", Slot::kPooler, true, kPlain, spec.pooler_width > 0},
      {"classifier", Slot::kHead, true, kPlain, spec.output == OutputKind::kClassifier},
  };
}

std::vector<ConfigKey> written(const std::string&) { return kKeys; }

}  // namespace

Family family_bert() {
  return {{"bert", "BERT encoders, with a classifier or without", {"bert"}},
          read_spec,
          tensors,
          {"bert.", ""},
          {{"tie_word_embeddings"},
           {"directionality"},
           {"pooler_fc_size"},
           {"pooler_num_attention_heads"},
           {"pooler_num_fc_layers"},
           {"pooler_size_per_head"},
           {"pooler_type"},
           {"output_past"}},
          written};
}

}  // namespace assay
