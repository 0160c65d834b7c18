#pragma once
// A feed-forward block whose neurons are chosen by a prompt and used for what follows it.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <optional>

#include "harness/model/standard_ffn.h"

namespace assay::griffin {

/// Of the neurons: how many a token used.
inline constexpr StepFact kNeuronShare{"neuron_share", StepFact::Over::kMean};

/// Sums over rows [n, neurons] of what down gets: each row over its L2 norm, squared. A row of
/// zeros adds nothing. f64 [neurons]; the square root of it is the paper's s (eq. 4).
at::Tensor squared_shares(const at::Tensor& rows);

/// Indices of the `count` largest, ascending; int64 [count].
at::Tensor largest(const at::Tensor& scores, std::int64_t count);

/// A prompt runs the whole block. What follows it runs `count` neurons: those that the prompt used
/// most, or `fixed` (int64 [count]) for every prompt. Decoding multiplies with matrices that were
/// gathered once a sequence; a pass that scores runs the same as masks over the dense product.
///
/// forward() throws DoesNotApply in passes that do not say what their prompt is.
class GriffinFfn final : public Ffn {
 public:
  GriffinFfn(std::unique_ptr<StandardFfn> dense, std::int64_t count, at::Tensor fixed);

  [[nodiscard]] at::Tensor forward(const at::Tensor& rows, StepContext& step) const override;
  [[nodiscard]] Linear* linear(Slot slot) const override { return dense_->linear(slot); }
  void replace_linear(Slot slot, std::unique_ptr<Linear> block) override;
  void visit_tensors(const VisitTensor& visit) override;
  /// Touched bytes and work are those of a token that follows a prompt. What a row of a prompt
  /// costs more goes to the StepObserver. Gathered matrices belong to a sequence, not to the model.
  [[nodiscard]] Cost cost() const override;
  [[nodiscard]] DenseForm dense_form() const override;
  [[nodiscard]] std::unique_ptr<Ffn> share() const override;
  void fuse() override { dense_->fuse(); }

 private:
  struct Sequences;
  [[nodiscard]] at::Tensor scored(const at::Tensor& rows, StepContext& step) const;
  [[nodiscard]] at::Tensor prompted(const at::Tensor& rows, StepContext& step,
                                    Sequences& sequences) const;
  [[nodiscard]] at::Tensor decoded(const at::Tensor& rows, StepContext& step,
                                   Sequences& sequences) const;
  /// What the prompt with these sums leaves: int64 [count].
  [[nodiscard]] at::Tensor chosen(const at::Tensor& sums) const;
  [[nodiscard]] std::int64_t neurons() const;
  void tell(const StepContext& step, const at::Tensor& whole) const;
  [[nodiscard]] Cost of_neurons(std::int64_t count) const;

  std::unique_ptr<StandardFfn> dense_;
  std::int64_t count_;
  at::Tensor fixed_;
};

}  // namespace assay::griffin
