#pragma once
// The lower part of a RevMUX encoder (Xu et al. 2024, arXiv:2410.04519): embeddings and the first
// layers run sequence by sequence, and what they give is mixed.

#include <memory>
#include <vector>

#include "harness/model/dense_linear.h"
#include "harness/model/embedding_input.h"
#include "harness/model/layer.h"
#include "harness/model/mixing_input.h"
#include "harness/mux/coupling_chain.h"

namespace assay::mux {

/// Begin of the names of layers that run sequence by sequence: "layer.unmixed.0.q.weight".
inline constexpr const char* kUnmixedLayers = "layer.unmixed.";

struct RevMuxParts {
  EmbeddingInput embedding;
  std::vector<Layer> unmixed;  ///< as pass_padded() takes them
  DenseLinear down;            ///< width -> width / N
  std::shared_ptr<SharedChain> chain;
};

struct RevMuxForm {
  std::int64_t pad_token = 0;
  /// The mixed rows get positions, token type and norm a second time, as released.
  bool places_twice = true;
};

/// What a pass mixed, for losses.
struct RevMuxPass {
  at::Tensor parts;  ///< [groups, N, length, width / N], projected down
  at::Tensor real;   ///< bool [groups, N, length], false at pads; undefined: there are none
};

/// Sequence b * N + i of a batch is instance i of group b. All are padded to the longest; the
/// layers below see no pads (as released), those above see what became of them (released: not
/// where all instances of a position are pads). Token types go in where they are given (released:
/// none). A batch that does not fill its last group is filled up with what its own sequences gave,
/// from the first on (released: with zeros).
class RevMuxInput final : public MixingInput {
 public:
  RevMuxInput(RevMuxParts parts, const RevMuxForm& form) : parts_(std::move(parts)), form_(form) {}
  [[nodiscard]] at::Tensor forward(const at::Tensor& tokens, StepContext& step) const override;
  [[nodiscard]] Batch batch_of(std::int64_t sequences, std::int64_t longest) const override;
  [[nodiscard]] std::int64_t instances() const override {
    return parts_.chain->chain().instances();
  }
  /// Those of the embeddings, "layer.unmixed.<i>.<as in a layer>", "rev.down.<...>" and
  /// "rev.chain.<as in CouplingChain>".
  void visit_tensors(const VisitTensor& visit) override;
  /// The layers below run for each sequence: their work is not divided.
  [[nodiscard]] Cost cost() const override;
  [[nodiscard]] std::unique_ptr<Input> share() const override;
  /// Every pass from now on leaves there what it mixed; null ends it. Not owned, and not shared.
  void watch(RevMuxPass* pass) { watched_ = pass; }

 private:
  /// Of the given sequences, not of groups yet: int64 [sequences, length], and bool, as RevMuxPass.
  struct Padded {
    at::Tensor tokens, token_types, real;
  };
  [[nodiscard]] Padded padded(const at::Tensor& tokens, const StepContext& step) const;
  /// [sequences, length, width / N]
  [[nodiscard]] at::Tensor projected(const Padded& batch, StepContext& step) const;
  /// [sequences, ...] -> [groups, N, ...]
  [[nodiscard]] at::Tensor in_groups(const at::Tensor& of_sequences) const;
  RevMuxParts parts_;
  RevMuxForm form_;
  RevMuxPass* watched_ = nullptr;
};

}  // namespace assay::mux
