#pragma once
// How much a head or a neuron matters to a sequence: the criteria of ShadowLLM (Akhauri et al.
// 2024, arXiv 2406.16635), as its released code computes them.
//
// Notation, for one sequence: a is the context of a head (before the output projection), g = dL/da;
// z is the pre-activation of a neuron; W1 is the weight whose rows are neurons. In a gated FFN,
// down(act(gate(x)) * up(x)), z is what the activation gets, the output of gate, and W1 is gate and
// up side by side: the row of a neuron is its row of gate followed by its row of up.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

namespace assay {

/// A weight and the gradient of the loss with respect to it, both [neurons, width].
struct WeightEvidence {
  at::Tensor weight, gradient;
};

/// What one layer did with one sequence, and what the loss L says of it. Tensors that were not
/// asked for are undefined. Any real type; scores are summed in f64.
struct LayerEvidence {
  std::int64_t layer = 0;
  std::int64_t heads = 0;               ///< 0: no attention in this layer
  std::int64_t neurons = 0;             ///< 0: no FFN in this layer
  at::Tensor context;                   ///< a [tokens, heads * head_dim]
  at::Tensor context_gradient;          ///< g, likewise
  at::Tensor attention_gradient;        ///< dL/d(attention's output) [tokens, width]
  at::Tensor pre_activation;            ///< z [tokens, neurons]
  at::Tensor pre_activation_gradient;   ///< dL/dz, likewise
  at::Tensor post_activation;           ///< what down gets [tokens, neurons]
  std::vector<WeightEvidence> weights;  ///< of up; of gate and up in a gated FFN
  /// Gradient with respect to a of sum over layers of mean(g0 * g) + mean(G0 * G), where G = dL/dW1
  /// and g0, G0 are the values of g and G, held constant. Like a.
  at::Tensor context_curvature;
};

/// What a criterion looks at; each kind holds what those before it hold.
enum class EvidenceKind {
  kForward,    ///< activations
  kGradient,   ///< and first derivatives: one backward pass
  kCurvature,  ///< and `context_curvature`: a backward pass through the backward pass
};

struct Criterion {
  const char* name;
  const char* definition;  ///< for users
  EvidenceKind evidence;
  /// Every sequence has scores of its own, so that a predictor can learn them. Otherwise there are
  /// only scores over many sequences (static_scores.h).
  bool traced;
  bool of_heads, of_neurons;  ///< whether there are scores of these
  /// f64, on the evidence's device. Null where there is no such score, or none a sequence.
  at::Tensor (*heads)(const LayerEvidence& evidence);
  at::Tensor (*neurons)(const LayerEvidence& evidence);
};

const std::vector<Criterion>& criteria();
/// Throws UserError, with the names that there are.
const Criterion& criterion_of(const std::string& name);

/// f64 [heads] on the CPU; no elements where the layer has no attention. Throws NonFiniteValue that
/// names criterion and layer, std::logic_error for a criterion that has no such scores a sequence
/// and for evidence that lacks what it needs.
at::Tensor head_scores(const Criterion& criterion, const LayerEvidence& evidence);
/// The same for neurons: f64 [neurons].
at::Tensor neuron_scores(const Criterion& criterion, const LayerEvidence& evidence);

}  // namespace assay
