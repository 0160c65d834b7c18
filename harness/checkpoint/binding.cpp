#include "harness/checkpoint/binding.h"

namespace assay {
namespace {

std::vector<std::int64_t> weight_shape(const ModelSpec& spec, Slot slot) {
  const std::int64_t query = spec.heads * spec.head_dim;
  const std::int64_t key = spec.kv_heads * spec.head_dim;
  switch (slot) {
    case Slot::kEmbedding:
    case Slot::kHead:
      return {spec.vocab, spec.embedding_width};
    case Slot::kPositions:
      return {spec.max_positions + spec.position_offset, spec.width};
    case Slot::kProjectIn:
      return {spec.width, spec.embedding_width};
    case Slot::kProjectOut:
      return {spec.embedding_width, spec.width};
    case Slot::kQ:
      return {query, spec.width};
    case Slot::kK:
    case Slot::kV:
      return {key, spec.width};
    case Slot::kQkv:
      return {query + 2 * key, spec.width};
    case Slot::kO:
      return {spec.width, query};
    case Slot::kGate:
    case Slot::kUp:
      return {spec.ffn_width, spec.width};
    case Slot::kDown:
      return {spec.width, spec.ffn_width};
    case Slot::kEmbeddingNorm:
    case Slot::kFinalNorm:
    case Slot::kAttentionNorm:
    case Slot::kFfnNorm:
      break;
  }
  return {spec.width};
}

}  // namespace

std::vector<std::int64_t> slot_shape(const ModelSpec& spec, Slot slot, bool bias) {
  std::vector<std::int64_t> shape = weight_shape(spec, slot);
  if (bias) shape.resize(1);
  return shape;
}

}  // namespace assay
