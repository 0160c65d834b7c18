#pragma once
// The gates of an encoder at CoFi's five granularities (Xia et al. 2022, arXiv:2204.00408, section
// 3.1).

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>

namespace assay::gates {

/// Of an encoder whose layers all have one shape.
struct GateShape {
  std::int64_t layers = 0, heads = 0, width = 0, neurons = 0;
};

/// A value for each gate: logits, gates, or probabilities.
struct GateSet {
  at::Tensor attention;  ///< [layers]: whole attentions
  at::Tensor heads;      ///< [layers, heads]
  at::Tensor ffn;        ///< [layers]: whole FFNs
  at::Tensor neurons;    ///< [layers, neurons]
  at::Tensor width;      ///< [width]: dimensions of the residual stream, shared by all layers; may
                         ///< be undefined: all stay
  [[nodiscard]] std::array<at::Tensor*, 5> all() {
    return {&attention, &heads, &ffn, &neurons, &width};
  }
};

/// Means of the logits that a training starts with, as released: 10 is beyond what is clamped
/// after the first step, and neurons start half open (a sixth of them is expected to be closed).
inline constexpr double kStartOpen = 10, kStartNeurons = 0, kStartDeviation = 0.01;

/// Normal around those means, f32 leaves that ask for gradients.
GateSet start_logits(const GateShape& shape, bool with_width, at::Generator generator);

/// One draw for all rows of a batch.
GateSet sampled(const GateSet& logits, at::Generator generator);
/// P(gate > 0) of each, differentiable.
GateSet open_probabilities(const GateSet& logits);
/// Heads, neurons and dimensions by their groups, attentions and FFNs one by one. Not
/// differentiable.
GateSet settled(const GateSet& logits);

}  // namespace assay::gates
