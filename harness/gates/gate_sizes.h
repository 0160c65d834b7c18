#pragma once
// How large a gated encoder is, by the counts of CoFi's released code and by exact ones.
//
// "Prunable" are the linear layers of attention and FFN with their biases; embeddings, norms,
// classifier and demultiplexer are outside. The released counts leave out what they leave out
// (biases of the FFN under gates of the width, the remainder of a division), so that a size which
// is compared with a published one must say which count it is.

#include <cstdint>
#include <vector>

#include "harness/gates/gate_set.h"

namespace assay::gates {

/// 4 H^2 + 4 H.
std::int64_t attention_parameters(const GateShape& shape);
/// 2 H I + 5 H: the released count of the biases, exact where I = 4 H.
std::int64_t ffn_parameters(const GateShape& shape);
/// Denominator of CoFi's sparsity: layers times both.
std::int64_t prunable_parameters(const GateShape& shape);

/// What really is there: weights and biases of the linear layers of attention and FFN.
std::int64_t exact_parameters(const GateShape& shape);

/// Expected number of parameters, differentiable; f32 [].
/// With gates of the width: sum_l sum_h sum_d P(attention_l) P(head_lh) P(width_d) (4 H^2 + 4 H) /
/// heads / H + 2 sum_l sum_i sum_d P(ffn_l) P(neuron_li) P(width_d). Without: of each head and
/// neuron its share of its layer (whole numbers, rounded down, as released).
at::Tensor expected_parameters(const GateShape& shape, const GateSet& probabilities);

/// 1 - expected / prunable.
at::Tensor expected_sparsity(const GateShape& shape, const GateSet& probabilities);

/// What sparsities gates can be trained to: expected ones with all logits at their upper and at
/// their lower end, and no higher than that of the smallest network there is (one head, of one
/// dimension where the width is gated).
struct SparsityRange {
  double low = 0, high = 1;
};
SparsityRange reachable_sparsity(const GateShape& shape, bool with_width);

/// What is left of settled gates, in units.
struct KeptUnits {
  std::int64_t width = 0;
  /// Of each layer; 0 for a sub-layer that is gone: whose own gate is closed, or which has nothing
  /// left.
  std::vector<std::int64_t> heads, neurons;
};
KeptUnits kept_units(const GateShape& shape, const GateSet& gates);

/// Weights of the linear layers that are left, without biases: the size that CoFi reports.
std::int64_t remaining_weights(const GateShape& shape, const KeptUnits& kept);
/// The same with the biases of what is left: exact.
std::int64_t remaining_parameters(const GateShape& shape, const KeptUnits& kept);

}  // namespace assay::gates
