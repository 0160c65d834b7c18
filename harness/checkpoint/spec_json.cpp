#include "harness/checkpoint/spec_json.h"

#include <set>
#include <string>

#include "harness/base/errors.h"

namespace assay {
namespace {

// One list of fields a type; `field(name, member)` is called for each.

template <typename Field, typename Shape>
void for_each_shape_field(Shape& shape, Field field) {
  field("heads", shape.heads);
  field("kv_heads", shape.kv_heads);
  field("head_dim", shape.head_dim);
  field("ffn_width", shape.ffn_width);
  field("experts", shape.experts);
  field("has_attention", shape.has_attention);
  field("has_ffn", shape.has_ffn);
}

template <typename Field, typename Scaling>
void for_each_rope_field(Scaling& scaling, Field field) {
  field("kind", scaling.kind);
  field("factor", scaling.factor);
  field("low_frequency_factor", scaling.low_frequency_factor);
  field("high_frequency_factor", scaling.high_frequency_factor);
  field("original_positions", scaling.original_positions);
  field("beta_fast", scaling.beta_fast);
  field("beta_slow", scaling.beta_slow);
  field("truncate", scaling.truncate);
  field("attention_factor", scaling.attention_factor);
  field("short_factors", scaling.short_factors);
  field("long_factors", scaling.long_factors);
}

template <typename Field, typename Spec>
void for_each_field(Spec& spec, Field field) {
  field("family", spec.family);
  field("checkpoint_dtype", spec.checkpoint_dtype);
  field("layers", spec.layers);
  field("width", spec.width);
  field("shape", spec.shape);
  field("layer_shapes", spec.layer_shapes);
  field("vocab", spec.vocab);
  field("max_positions", spec.max_positions);
  field("embedding_width", spec.embedding_width);
  field("token_types", spec.token_types);
  field("causal", spec.causal);
  field("output", spec.output);
  field("classes", spec.classes);
  field("labels", spec.labels);
  field("pooler_width", spec.pooler_width);
  field("norm", spec.norm);
  field("norm_eps", spec.norm_eps);
  field("positions", spec.positions);
  field("position_offset", spec.position_offset);
  field("rope_theta", spec.rope_theta);
  field("rotary_dim", spec.rotary_dim);
  field("rope_scaling", spec.rope_scaling);
  field("layer_windows", spec.layer_windows);
  field("layer_rotates", spec.layer_rotates);
  field("window_rope_theta", spec.window_rope_theta);
  field("window_rope_scaling", spec.window_rope_scaling);
  field("norm_weights", spec.norm_weights);
  field("norm_offset", spec.norm_offset);
  field("norm_rounds_last", spec.norm_rounds_last);
  field("input_norms", spec.input_norms);
  field("output_norms", spec.output_norms);
  field("qk_norm", spec.qk_norm);
  field("qkv_clip", spec.qkv_clip);
  field("attention_softcap", spec.attention_softcap);
  field("embedding_scale", spec.embedding_scale);
  field("embedding_scale_rounded", spec.embedding_scale_rounded);
  field("residual_scale", spec.residual_scale);
  field("logit_scale", spec.logit_scale);
  field("logit_softcap", spec.logit_softcap);
  field("activation", spec.activation);
  field("ffn_gated", spec.ffn_gated);
  field("experts_per_token", spec.experts_per_token);
  field("router_normed", spec.router_normed);
  field("router_rounded", spec.router_rounded);
  field("parallel_residual", spec.parallel_residual);
  field("shared_norm", spec.shared_norm);
  field("pre_norm", spec.pre_norm);
  field("final_norm", spec.final_norm);
  field("embedding_norm", spec.embedding_norm);
  field("alibi_scale", spec.alibi_scale);
  field("alibi_rounded", spec.alibi_rounded);
  field("qkv_bias", spec.qkv_bias);
  field("attention_out_bias", spec.attention_out_bias);
  field("ffn_bias", spec.ffn_bias);
  field("ffn_out_bias", spec.ffn_out_bias);
  field("tied_head", spec.tied_head);
  field("norm_bias", spec.norm_bias);
  field("head_bias", spec.head_bias);
  field("rope_interleaved", spec.rope_interleaved);
  field("attention_scale", spec.attention_scale);
  field("hidden_dropout", spec.hidden_dropout);
  field("attention_dropout", spec.attention_dropout);
  field("classifier_dropout", spec.classifier_dropout);
}

template <typename Value>
Json written(const Value& value) {
  return value;
}
Json written(const LayerShape& shape) {
  Json document = Json::object();
  for_each_shape_field(shape, [&](const char* name, const auto& value) { document[name] = value; });
  return document;
}
Json written(const RopeScaling& scaling) {
  Json document = Json::object();
  for_each_rope_field(scaling,
                      [&](const char* name, const auto& value) { document[name] = value; });
  return document;
}
Json written(const std::vector<LayerShape>& shapes) {
  Json list = Json::array();
  for (const LayerShape& shape : shapes) list.push_back(written(shape));
  return list;
}

/// Reads an object field by field, and knows which keys nobody asked for.
class Fields {
 public:
  explicit Fields(const Json& document) : document_(document) {
    if (!document.is_object()) throw UserError("a stored model shape is no JSON object; fit again");
  }
  const Json& at(const std::string& name) {
    asked_.insert(name);
    const auto found = document_.find(name);
    if (found == document_.end()) {
      throw UserError("a stored model shape lacks its field '" + name + "'; fit again");
    }
    return *found;
  }
  void finish() const {
    for (const auto& [name, value] : document_.items()) {
      if (asked_.contains(name)) continue;
      throw UserError("a stored model shape has an unknown field '" + name +
                      "'; fit again, or use the version that made it");
    }
  }

 private:
  const Json& document_;
  std::set<std::string> asked_;
};

template <typename Value>
void read(const Json& from, Value& to) {
  to = from.get<Value>();
}
void read(const Json& from, LayerShape& to) {
  Fields fields(from);
  for_each_shape_field(to, [&](const char* name, auto& value) { read(fields.at(name), value); });
  fields.finish();
}
void read(const Json& from, RopeScaling& to) {
  Fields fields(from);
  for_each_rope_field(to, [&](const char* name, auto& value) { read(fields.at(name), value); });
  fields.finish();
}
void read(const Json& from, std::vector<LayerShape>& to) {
  for (const Json& one : from) read(one, to.emplace_back());
}

}  // namespace

Json to_json(const ModelSpec& spec) {
  Json document = Json::object();
  for_each_field(spec,
                 [&](const char* name, const auto& value) { document[name] = written(value); });
  return document;
}

ModelSpec model_spec_from_json(const Json& document) {
  ModelSpec spec;
  Fields fields(document);
  try {
    for_each_field(spec, [&](const char* name, auto& value) { read(fields.at(name), value); });
  } catch (const Json::exception& error) {
    throw UserError(std::string("a stored model shape is damaged: ") + error.what() +
                    "; fit again");
  }
  fields.finish();
  return spec;
}

}  // namespace assay
