#include "harness/checkpoint/spec.h"

#include <algorithm>
#include <iterator>
#include <type_traits>
#include <utility>

namespace assay {
namespace {

const char* activation_name(ActivationKind kind) {
  switch (kind) {
    case ActivationKind::kSilu:
      return "silu";
    case ActivationKind::kRelu:
      return "relu";
    case ActivationKind::kGelu:
      return "gelu";
    case ActivationKind::kGeluTanh:
      return "gelu_tanh";
  }
  return "";
}

const char* position_name(PositionKind kind) {
  switch (kind) {
    case PositionKind::kRotary:
      return "rotary";
    case PositionKind::kLearned:
      return "learned";
    case PositionKind::kAlibi:
      return "alibi";
  }
  return "";
}

const char* qk_norm_name(QkNorm kind) {
  switch (kind) {
    case QkNorm::kNone:
      return "none";
    case QkNorm::kHead:
      return "head";
    case QkNorm::kProjection:
      return "projection";
  }
  return "";
}

/// Where the norms of a layer's blocks stand, seen from the block.
const char* norms_name(const ModelSpec& spec) {
  if (!spec.pre_norm) return "behind_residual";
  if (!spec.output_norms) return "in_front";
  return spec.input_norms ? "both" : "behind";
}

const char* output_name(OutputKind kind) {
  switch (kind) {
    case OutputKind::kVocabulary:
      return "vocabulary";
    case OutputKind::kClassifier:
      return "classifier";
    case OutputKind::kNone:
      return "none";
  }
  return "";
}

/// The value that all layers share; all of them where they differ.
Json one_or_all(const Json& values) {
  const bool alike = std::all_of(values.begin(), values.end(),
                                 [&](const Json& value) { return value == values.front(); });
  return alike && !values.empty() ? values.front() : values;
}

}  // namespace

std::int64_t classified_width(const ModelSpec& spec) {
  return spec.pooler_width > 0 ? spec.pooler_width : spec.width;
}

std::int64_t window_of(const ModelSpec& spec, std::int64_t layer) {
  return spec.layer_windows.empty() ? 0 : spec.layer_windows.at(static_cast<std::size_t>(layer));
}

std::int64_t rotated_alike(const ModelSpec& spec) {
  return spec.rope_scaling.is_fixed() ? 0 : spec.rope_scaling.original_positions;
}

bool rotates(const ModelSpec& spec, std::int64_t layer) {
  return spec.layer_rotates.empty() || spec.layer_rotates.at(static_cast<std::size_t>(layer)) != 0;
}

void keep_layers(ModelSpec& spec, const std::vector<std::int64_t>& layers) {
  const auto keep = [&](auto& list) {
    if (list.empty()) return;
    std::remove_reference_t<decltype(list)> kept;
    for (const std::int64_t layer : layers) {
      kept.push_back(list.at(static_cast<std::size_t>(layer)));
    }
    list = std::move(kept);
  };
  keep(spec.layer_shapes);
  keep(spec.layer_windows);
  keep(spec.layer_rotates);
  const auto is_zero = [](std::int64_t value) { return value == 0; };
  const auto is_usual = [&](const LayerShape& shape) { return shape == spec.shape; };
  if (std::ranges::all_of(spec.layer_shapes, is_usual)) spec.layer_shapes.clear();
  if (std::ranges::all_of(spec.layer_windows, is_zero)) spec.layer_windows.clear();
  if (std::ranges::none_of(spec.layer_rotates, is_zero)) spec.layer_rotates.clear();
  spec.layers = std::ssize(layers);
}

bool has_experts(const ModelSpec& spec) {
  for (std::int64_t i = 0; i < spec.layers; ++i) {
    if (spec.layer(i).has_ffn && spec.layer(i).experts > 0) return true;
  }
  return false;
}

std::string why_heads_stay(const ModelSpec& spec) {
  if (spec.positions == PositionKind::kAlibi) {
    return "this model has ALiBi, a slope of its own for each head";
  }
  if (spec.qk_norm == QkNorm::kProjection) {
    return "this model norms queries and keys over all heads together, so each depends on all";
  }
  return "";
}

Json traits(const ModelSpec& spec) {
  Json shapes = {{"heads", Json::array()},
                 {"kv_heads", Json::array()},
                 {"head_dim", Json::array()},
                 {"ffn_width", Json::array()},
                 {"experts", Json::array()}};
  for (std::int64_t i = 0; i < spec.layers; ++i) {
    const LayerShape& shape = spec.layer(i);
    if (shape.has_attention) {
      shapes["heads"].push_back(shape.heads);
      shapes["kv_heads"].push_back(shape.kv_heads);
      shapes["head_dim"].push_back(shape.head_dim);
    }
    if (shape.has_ffn) shapes["ffn_width"].push_back(shape.ffn_width);
    shapes["experts"].push_back(shape.has_ffn ? shape.experts : 0);
  }
  return {{"family", spec.family},
          {"causal", spec.causal},
          {"output", output_name(spec.output)},
          {"classes", spec.classes},
          {"labels", spec.labels},
          {"layers", spec.layers},
          {"layers.alike", spec.layer_shapes.empty()},
          {"width", spec.width},
          {"heads", one_or_all(shapes["heads"])},
          {"vocab", spec.vocab},
          {"max_positions", spec.max_positions},
          {"positions", position_name(spec.positions)},
          {"rope.scaling", spec.rope_scaling.kind},
          {"rope.interleaved", spec.rope_interleaved},
          {"tied_head", spec.tied_head},
          {"head.bias", spec.head_bias},
          {"parallel_residual", spec.parallel_residual},
          {"ffn.gated", spec.ffn_gated},
          {"ffn.activation", activation_name(spec.activation)},
          {"ffn.width", one_or_all(shapes["ffn_width"])},
          {"ffn.experts", has_experts(spec) ? one_or_all(shapes["experts"]) : Json(0)},
          {"ffn.experts_per_token", spec.experts_per_token},
          {"attention.kv_heads", one_or_all(shapes["kv_heads"])},
          {"attention.head_dim", one_or_all(shapes["head_dim"])},
          {"attention.qk_norm", qk_norm_name(spec.qk_norm)},
          {"attention.softcap", spec.attention_softcap},
          {"attention.clip", spec.qkv_clip},
          {"norms", norms_name(spec)},
          {"norms.weighted", spec.norm_weights},
          {"embedding.scale", spec.embedding_scale},
          {"residual.scale", spec.residual_scale},
          {"logits.softcap", spec.logit_softcap}};
}

}  // namespace assay
