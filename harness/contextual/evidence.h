#pragma once
// Runs sequences through a model and keeps what the criteria of importance look at.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "harness/contextual/criteria.h"
#include "harness/model/model.h"

namespace assay {

/// One sequence, on the model's device and in its dtype; nothing in it has a graph. bfloat16 models
/// are run and differentiated in bfloat16, so that scores carry its rounding (some per cent);
/// scores meant to be compared with published ones take an fp32 model.
struct SequenceEvidence {
  at::Tensor tokens;           ///< int64 [n], on the CPU
  at::Tensor scored;           ///< bool [n], on the CPU
  std::optional<double> loss;  ///< nats; nothing in evidence of a forward pass
  std::vector<LayerEvidence> layers;
};

/// Answer tokens: all from `context_tokens` (>= 1) on. bool [tokens], as collect() takes it.
at::Tensor answer_positions(std::int64_t tokens, std::int64_t context_tokens);
/// Windows of a text: all tokens but the first, which nothing precedes.
at::Tensor text_positions(std::int64_t tokens);

/// A decoder as evidence is collected from it. Its layers share all tensors with the model, which
/// is not changed, not even what it says of gradients, and must outlive the source.
class EvidenceSource {
 public:
  /// Throws DoesNotApply for a model that does not predict the next token.
  explicit EvidenceSource(const Model& model);

  /// tokens int64 [n]; scored bool [n] says which tokens the loss is made of, never the first:
  ///   L = mean over scored tokens t of -log p(token t | tokens before it), nats.
  /// Of kind kForward: one pass without a graph; kGradient: one backward pass with it; kCurvature:
  /// two. Gradients of W1 of all layers are held at once, as much memory as W1 takes. Works
  /// whatever mode of gradients or inference the caller is in. Throws DoesNotApply where a method
  /// replaced a block that has to show its activations or W1, std::logic_error for shapes that do
  /// not fit.
  [[nodiscard]] SequenceEvidence collect(const at::Tensor& tokens, const at::Tensor& scored,
                                         EvidenceKind kind) const;

 private:
  const Model& model_;
  std::vector<Layer> layers_;  ///< W1 are leaves that ask for gradients
};

}  // namespace assay
