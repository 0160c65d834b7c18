#pragma once
// The places of a transformer that parameters fill: one table, from which everything that loops
// over parameters is made.

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "harness/checkpoint/spec.h"

namespace assay {

/// In the order of a pass; slot_table() has a row for each.
enum class Slot {
  kEmbedding,
  kPositions,
  kTokenTypes,
  kProjectIn,
  kEmbeddingNorm,
  kAttentionNorm,
  kQ,
  kK,
  kV,
  kQNorm,
  kKNorm,
  kO,
  kAttentionOutNorm,
  kFfnNorm,
  kRouter,  ///< scores of the experts, of which the best get the row
  kGate,
  kUp,
  kDown,
  kFfnOutNorm,
  kFinalNorm,
  kProjectOut,
  kPooler,
  kHead,  ///< scores of the vocabulary, or of the classes
};

enum class SlotKind { kEmbedding, kNorm, kLinear };
/// What owns the slot. The last three are owned once a layer.
enum class SlotOwner { kInput, kOutput, kNorms, kAttention, kFfn };

struct SlotInfo {
  Slot slot;
  const char* name;  ///< "q", "attention_norm", "head"
  SlotKind kind;
  SlotOwner owner;
  /// Of the weight in this layer: [out, in], [entries, width], [width] for norms.
  std::vector<std::int64_t> (*shape)(const ModelSpec& spec, const LayerShape& layer);
  bool (*used)(const ModelSpec& spec, const LayerShape& layer);  ///< false: no such place here
  bool (*bias)(const ModelSpec& spec);                           ///< true: there is a bias as well
  [[nodiscard]] bool of_layer() const;
};

/// Whether a norm stands there, with a weight or without (`norm_weights`).
bool norm_stands(const ModelSpec& spec, const LayerShape& layer, Slot norm);

/// One row a slot, in the order of the enumeration.
const std::vector<SlotInfo>& slot_table();
const SlotInfo& slot_info(Slot slot);
/// "q", "k", ..., "head".
const char* slot_name(Slot slot);
/// "q" -> kQ; nothing for another word.
std::optional<Slot> slot_from_name(const std::string& name);
/// The linear slots of a layer, in the order q k v o router gate up down.
const std::vector<Slot>& linear_slots();
bool is_attention_slot(Slot slot);
bool is_ffn_slot(Slot slot);
/// Whether each expert of a mixture has this slot: gate, up, down.
bool is_expert_slot(Slot slot);

/// A slot of a layer, or of one of its experts.
struct SlotPlace {
  SlotPlace(Slot of_layer, std::int64_t of_expert = -1)  // NOLINT(google-explicit-constructor)
      : slot(of_layer), expert(of_expert) {}
  Slot slot;
  std::int64_t expert;  ///< -1: of none
  auto operator<=>(const SlotPlace&) const = default;
};

/// Which parameter of a model: a slot's weight or bias, in a layer or outside of all (-1).
struct ParameterId {
  std::int64_t layer = -1;
  Slot slot = Slot::kEmbedding;
  bool bias = false;
  std::int64_t expert = -1;  ///< whose slot it is; -1: of none
  [[nodiscard]] SlotPlace place() const { return {slot, expert}; }
  auto operator<=>(const ParameterId&) const = default;
};
/// "layer.3.q.weight", "layer.3.expert.5.up.weight", "embedding.weight", "final_norm.bias".
std::string parameter_name(const ParameterId& id);
/// "layer.3.q", "layer.3.expert.5.up", "head": without saying weight or bias.
std::string slot_path(std::int64_t layer, const SlotPlace& place);
/// Reverses parameter_name(); nothing for any other text.
std::optional<ParameterId> parameter_from_name(const std::string& name);

struct ParameterShape {
  ParameterId id;
  std::vector<std::int64_t> shape;
};
/// All parameters of a model like this, in the order of a pass. A tied head is none of its own.
std::vector<ParameterShape> parameter_shapes(const ModelSpec& spec);
/// Shape of one; throws std::logic_error where the layer is missing.
std::vector<std::int64_t> shape_of(const ModelSpec& spec, const ParameterId& id);

}  // namespace assay
