#include "harness/checkpoint/slot.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <stdexcept>
#include <string_view>

#include "harness/base/numbers.h"

namespace assay {
namespace {

using Shape = std::vector<std::int64_t>;

/// In the order of the table.
constexpr Slot kExpertSlots[] = {Slot::kGate, Slot::kUp, Slot::kDown};

std::int64_t query_width(const LayerShape& layer) { return layer.heads * layer.head_dim; }

Shape tokens(const ModelSpec& spec, const LayerShape&) {
  return {spec.vocab, spec.embedding_width};
}
Shape positions(const ModelSpec& spec, const LayerShape&) {
  return {spec.max_positions + spec.position_offset, spec.width};
}
Shape token_types(const ModelSpec& spec, const LayerShape&) {
  return {spec.token_types, spec.width};
}
Shape project_in(const ModelSpec& spec, const LayerShape&) {
  return {spec.width, spec.embedding_width};
}
Shape project_out(const ModelSpec& spec, const LayerShape&) {
  return {spec.embedding_width, spec.width};
}
Shape norm(const ModelSpec& spec, const LayerShape&) { return {spec.width}; }
Shape query_norm(const ModelSpec& spec, const LayerShape& layer) {
  return {spec.qk_norm == QkNorm::kHead ? layer.head_dim : query_width(layer)};
}
Shape key_norm(const ModelSpec& spec, const LayerShape& layer) {
  return {spec.qk_norm == QkNorm::kHead ? layer.head_dim : layer.kv_heads * layer.head_dim};
}
Shape query(const ModelSpec& spec, const LayerShape& layer) {
  return {query_width(layer), spec.width};
}
Shape key(const ModelSpec& spec, const LayerShape& layer) {
  return {layer.kv_heads * layer.head_dim, spec.width};
}
Shape attention_out(const ModelSpec& spec, const LayerShape& layer) {
  return {spec.width, query_width(layer)};
}
Shape ffn_in(const ModelSpec& spec, const LayerShape& layer) {
  return {layer.ffn_width, spec.width};
}
Shape ffn_out(const ModelSpec& spec, const LayerShape& layer) {
  return {spec.width, layer.ffn_width};
}
Shape router(const ModelSpec& spec, const LayerShape& layer) { return {layer.experts, spec.width}; }
Shape pooler(const ModelSpec& spec, const LayerShape&) { return {spec.pooler_width, spec.width}; }
Shape head(const ModelSpec& spec, const LayerShape&) {
  if (spec.output == OutputKind::kClassifier) return {spec.classes, classified_width(spec)};
  return {spec.vocab, spec.embedding_width};
}

bool always(const ModelSpec&, const LayerShape&) { return true; }
bool in_attention(const ModelSpec&, const LayerShape& layer) { return layer.has_attention; }
bool in_ffn(const ModelSpec&, const LayerShape& layer) { return layer.has_ffn; }
bool projected(const ModelSpec& spec, const LayerShape&) {
  return spec.embedding_width != spec.width;
}
bool has_head(const ModelSpec& spec, const LayerShape&) {
  return spec.output == OutputKind::kClassifier ||
         (spec.output == OutputKind::kVocabulary && !spec.tied_head);
}

bool no_bias(const ModelSpec&) { return false; }
bool norm_bias(const ModelSpec& spec) {
  return spec.norm == NormKind::kLayerNorm && spec.norm_bias;
}
bool qkv_bias(const ModelSpec& spec) { return spec.qkv_bias; }
bool out_bias(const ModelSpec& spec) { return spec.attention_out_bias; }
bool ffn_bias(const ModelSpec& spec) { return spec.ffn_bias; }
bool ffn_out_bias(const ModelSpec& spec) { return spec.ffn_out_bias; }
bool pooler_bias(const ModelSpec&) { return true; }
bool head_bias(const ModelSpec& spec) {
  return spec.output == OutputKind::kClassifier || spec.head_bias;
}

bool learned_positions(const ModelSpec& spec, const LayerShape&) {
  return spec.positions == PositionKind::kLearned;
}
bool typed(const ModelSpec& spec, const LayerShape&) { return spec.token_types > 0; }
bool qk_normed(const ModelSpec& spec, const LayerShape& layer) {
  return layer.has_attention && spec.qk_norm != QkNorm::kNone;
}
bool embedding_normed(const ModelSpec& spec, const LayerShape&) { return spec.embedding_norm; }
// Without a block there is nothing to norm, before it or after it.
bool attention_normed(const ModelSpec& spec, const LayerShape& layer) {
  return spec.input_norms && (layer.has_attention || (spec.shared_norm && layer.has_ffn));
}
bool ffn_normed(const ModelSpec& spec, const LayerShape& layer) {
  return spec.input_norms && layer.has_ffn && !spec.shared_norm;
}
bool attention_out_normed(const ModelSpec& spec, const LayerShape& layer) {
  return spec.output_norms && layer.has_attention;
}
bool ffn_out_normed(const ModelSpec& spec, const LayerShape& layer) {
  return spec.output_norms && layer.has_ffn;
}
bool gated(const ModelSpec& spec, const LayerShape& layer) {
  return layer.has_ffn && spec.ffn_gated;
}
bool routed(const ModelSpec&, const LayerShape& layer) {
  return layer.has_ffn && layer.experts > 0;
}
bool finally_normed(const ModelSpec& spec, const LayerShape&) { return spec.final_norm; }
bool pooled(const ModelSpec& spec, const LayerShape&) { return spec.pooler_width > 0; }

std::vector<SlotInfo> make_table() {
  using enum SlotKind;
  using enum SlotOwner;
  return {
      {Slot::kEmbedding, "embedding", kEmbedding, kInput, tokens, always, no_bias},
      {Slot::kPositions, "positions", kEmbedding, kInput, positions, learned_positions, no_bias},
      {Slot::kTokenTypes, "token_types", kEmbedding, kInput, token_types, typed, no_bias},
      {Slot::kProjectIn, "project_in", kLinear, kInput, project_in, projected, no_bias},
      {Slot::kEmbeddingNorm, "embedding_norm", kNorm, kInput, norm, embedding_normed, norm_bias},
      {Slot::kAttentionNorm, "attention_norm", kNorm, kNorms, norm, attention_normed, norm_bias},
      {Slot::kQ, "q", kLinear, kAttention, query, in_attention, qkv_bias},
      {Slot::kK, "k", kLinear, kAttention, key, in_attention, qkv_bias},
      {Slot::kV, "v", kLinear, kAttention, key, in_attention, qkv_bias},
      {Slot::kQNorm, "q_norm", kNorm, kAttention, query_norm, qk_normed, no_bias},
      {Slot::kKNorm, "k_norm", kNorm, kAttention, key_norm, qk_normed, no_bias},
      {Slot::kO, "o", kLinear, kAttention, attention_out, in_attention, out_bias},
      {Slot::kAttentionOutNorm, "attention_out_norm", kNorm, kNorms, norm, attention_out_normed,
       norm_bias},
      {Slot::kFfnNorm, "ffn_norm", kNorm, kNorms, norm, ffn_normed, norm_bias},
      {Slot::kRouter, "router", kLinear, kFfn, router, routed, no_bias},
      {Slot::kGate, "gate", kLinear, kFfn, ffn_in, gated, ffn_bias},
      {Slot::kUp, "up", kLinear, kFfn, ffn_in, in_ffn, ffn_bias},
      {Slot::kDown, "down", kLinear, kFfn, ffn_out, in_ffn, ffn_out_bias},
      {Slot::kFfnOutNorm, "ffn_out_norm", kNorm, kNorms, norm, ffn_out_normed, norm_bias},
      {Slot::kFinalNorm, "final_norm", kNorm, kOutput, norm, finally_normed, norm_bias},
      {Slot::kProjectOut, "project_out", kLinear, kOutput, project_out, projected, no_bias},
      {Slot::kPooler, "pooler", kLinear, kOutput, pooler, pooled, pooler_bias},
      {Slot::kHead, "head", kLinear, kOutput, head, has_head, head_bias},
  };
}

std::optional<std::int64_t> whole_number(std::string_view text) {
  const auto value = number_from<std::int64_t>(text);
  return value && *value >= 0 ? value : std::nullopt;
}

void add_parameters(std::vector<ParameterShape>& all, const ModelSpec& spec, const SlotPlace& place,
                    std::int64_t layer) {
  const SlotInfo& info = slot_info(place.slot);
  const LayerShape& shape = layer < 0 ? spec.shape : spec.layer(layer);
  if (!info.used(spec, shape) || (info.kind == SlotKind::kNorm && !spec.norm_weights)) return;
  all.push_back({{layer, info.slot, false, place.expert}, info.shape(spec, shape)});
  if (!info.bias(spec)) return;
  all.push_back({{layer, info.slot, true, place.expert}, {all.back().shape.front()}});
}

/// Of a layer, as a pass comes to them: one expert after the other.
std::vector<SlotPlace> places_of(const LayerShape& shape) {
  std::vector<SlotPlace> places;
  for (const SlotInfo& info : slot_table()) {
    if (!info.of_layer()) continue;
    if (shape.experts == 0 || !is_expert_slot(info.slot)) {
      places.emplace_back(info.slot);
      continue;
    }
    if (info.slot != kExpertSlots[0]) continue;
    for (std::int64_t expert = 0; expert < shape.experts; ++expert) {
      for (const Slot slot : kExpertSlots) places.emplace_back(slot, expert);
    }
  }
  return places;
}

/// Takes "WORD.NUMBER." off the front of the text; nothing where it does not begin so.
std::optional<std::int64_t> take_number(std::string& text, std::string_view word) {
  if (!text.starts_with(word)) return std::nullopt;
  const std::size_t dot = text.find('.', word.size());
  if (dot == std::string::npos) return std::nullopt;
  const auto number = whole_number(std::string_view(text).substr(word.size(), dot - word.size()));
  if (number) text = text.substr(dot + 1);
  return number;
}

}  // namespace

bool SlotInfo::of_layer() const {
  return owner == SlotOwner::kNorms || owner == SlotOwner::kAttention || owner == SlotOwner::kFfn;
}

const std::vector<SlotInfo>& slot_table() {
  static const std::vector<SlotInfo> kTable = make_table();
  return kTable;
}

bool norm_stands(const ModelSpec& spec, const LayerShape& layer, Slot norm) {
  return slot_info(norm).used(spec, layer);
}

const SlotInfo& slot_info(Slot slot) { return slot_table().at(static_cast<std::size_t>(slot)); }

const char* slot_name(Slot slot) { return slot_info(slot).name; }

std::optional<Slot> slot_from_name(const std::string& name) {
  for (const SlotInfo& info : slot_table()) {
    if (name == info.name) return info.slot;
  }
  return std::nullopt;
}

const std::vector<Slot>& linear_slots() {
  static const std::vector<Slot> kSlots = [] {
    std::vector<Slot> slots;
    for (const SlotInfo& info : slot_table()) {
      if (info.kind == SlotKind::kLinear && info.of_layer()) slots.push_back(info.slot);
    }
    return slots;
  }();
  return kSlots;
}

bool is_attention_slot(Slot slot) { return slot_info(slot).owner == SlotOwner::kAttention; }
bool is_ffn_slot(Slot slot) { return slot_info(slot).owner == SlotOwner::kFfn; }
bool is_expert_slot(Slot slot) {
  return std::find(std::begin(kExpertSlots), std::end(kExpertSlots), slot) !=
         std::end(kExpertSlots);
}

std::string slot_path(std::int64_t layer, const SlotPlace& place) {
  std::string path = slot_name(place.slot);
  if (place.expert >= 0) path = fmt::format("expert.{}.{}", place.expert, path);
  return layer < 0 ? path : fmt::format("layer.{}.{}", layer, path);
}

std::string parameter_name(const ParameterId& id) {
  return slot_path(id.layer, id.place()) + (id.bias ? ".bias" : ".weight");
}

std::optional<ParameterId> parameter_from_name(const std::string& name) {
  const std::size_t last = name.rfind('.');
  if (last == std::string::npos) return std::nullopt;
  const std::string end = name.substr(last);
  if (end != ".weight" && end != ".bias") return std::nullopt;
  ParameterId id;
  id.bias = end == ".bias";
  std::string slot = name.substr(0, last);
  id.layer = take_number(slot, "layer.").value_or(-1);
  id.expert = take_number(slot, "expert.").value_or(-1);
  const auto found = slot_from_name(slot);
  if (!found || slot_info(*found).of_layer() != (id.layer >= 0)) return std::nullopt;
  if (id.expert >= 0 && !is_expert_slot(*found)) return std::nullopt;
  id.slot = *found;
  return id;
}

std::vector<ParameterShape> parameter_shapes(const ModelSpec& spec) {
  std::vector<ParameterShape> all;
  const auto add = [&](SlotOwner owner) {
    for (const SlotInfo& info : slot_table()) {
      if (info.owner == owner) add_parameters(all, spec, info.slot, -1);
    }
  };
  add(SlotOwner::kInput);
  for (std::int64_t layer = 0; layer < spec.layers; ++layer) {
    for (const SlotPlace& place : places_of(spec.layer(layer))) {
      add_parameters(all, spec, place, layer);
    }
  }
  add(SlotOwner::kOutput);
  return all;
}

std::vector<std::int64_t> shape_of(const ModelSpec& spec, const ParameterId& id) {
  const SlotInfo& info = slot_info(id.slot);
  if (info.of_layer() && (id.layer < 0 || id.layer >= spec.layers)) {
    throw std::logic_error(parameter_name(id) + ": no such layer");
  }
  std::vector<std::int64_t> shape =
      info.shape(spec, info.of_layer() ? spec.layer(id.layer) : spec.shape);
  if (id.bias) shape.resize(1);
  return shape;
}

}  // namespace assay
