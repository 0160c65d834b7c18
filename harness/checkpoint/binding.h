#pragma once
// Where the tensors of a checkpoint go in a decoder.

#include <cstdint>
#include <string>
#include <vector>

#include "harness/checkpoint/spec.h"

namespace assay {

/// A place of a decoder that a stored tensor fills.
enum class Slot {
  kEmbedding,
  kPositions,
  kProjectIn,
  kProjectOut,
  kEmbeddingNorm,
  kFinalNorm,
  kHead,
  kAttentionNorm,
  kFfnNorm,
  kQ,
  kK,
  kV,
  kQkv,  ///< q, k and v in one tensor
  kO,
  kGate,
  kUp,
  kDown,
};

/// How the stored tensor relates to [out, in] rows in the order q, k, v.
enum class TensorLayout {
  kPlain,
  kTransposed,  ///< weights are [in, out] (GPT-2's Conv1D); biases are plain
  kGrouped,     ///< rows are [kv_heads, heads / kv_heads + 2, head_dim]: each group's q, then k, v
};

/// One stored tensor and its place.
struct Binding {
  Slot slot = Slot::kEmbedding;
  bool bias = false;
  std::int64_t layer = -1;  ///< -1: not of a layer
  TensorLayout layout = TensorLayout::kPlain;
  std::string tensor;               ///< name in the file
  std::vector<std::int64_t> shape;  ///< as stored
};

/// Shape of a slot in the decoder, before any layout: [out, in], [out] for biases and norms.
std::vector<std::int64_t> slot_shape(const ModelSpec& spec, Slot slot, bool bias);

}  // namespace assay
