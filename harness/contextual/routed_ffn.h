#pragma once
// A feed-forward block of which each token runs the neurons that a chooser names.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>

#include "harness/contextual/chooser.h"
#include "harness/contextual/routing.h"
#include "harness/model/input_major_linear.h"
#include "harness/model/standard_ffn.h"

namespace assay {

/// Of the neurons: how many a token ran.
inline constexpr StepFact kNeuronShare{"neuron_share", StepFact::Over::kMean};

/// Two forms of the same: passes over many rows compute all neurons and mask what down gets; one
/// decoded token a sequence reads the rows of the chosen neurons and no others.
class RoutedFfn final : public Ffn {
 public:
  /// `dense` with dense matrices, of which down is stored input by input from then on where neurons
  /// are left out. No chooser: every neuron runs, and the block only says what its stream is.
  RoutedFfn(std::unique_ptr<StandardFfn> dense, std::unique_ptr<Chooser> chooser,
            const Routing& routing);

  [[nodiscard]] at::Tensor forward(const at::Tensor& rows, StepContext& step) const override;
  [[nodiscard]] Linear* linear(Slot slot) const override;
  void replace_linear(Slot slot, std::unique_ptr<Linear> block) override;
  void visit_tensors(const VisitTensor& visit) override;
  /// Touched bytes and work are those that every token has: the chooser's, and down's bias. What
  /// its neurons add goes to the StepObserver.
  [[nodiscard]] Cost cost() const override;
  [[nodiscard]] DenseForm dense_form() const override;
  [[nodiscard]] std::unique_ptr<Ffn> share() const override;
  void fuse() override { dense_->fuse(); }

 private:
  /// Makes the choice, and runs all neurons.
  [[nodiscard]] at::Tensor whole(const at::Tensor& rows, StepContext& step) const;
  [[nodiscard]] at::Tensor masked(const at::Tensor& rows, StepContext& step) const;
  [[nodiscard]] at::Tensor gathered(const at::Tensor& rows, const at::Tensor& masks) const;
  [[nodiscard]] at::Tensor gathered_row(const at::Tensor& row, const at::Tensor& mask) const;
  [[nodiscard]] at::Tensor masks_for(const at::Tensor& rows, const at::Tensor& values,
                                     const StepContext& step) const;
  [[nodiscard]] const InputMajorLinear& down() const;  ///< unless routing_.runs_all
  [[nodiscard]] std::int64_t neurons() const;
  void tell(const StepContext& step, const at::Tensor& masks) const;
  /// values [n, neurons]: what down would get of all of them.
  void tell_quality(const StepContext& step, const at::Tensor& values,
                    const at::Tensor& masks) const;
  /// What one neuron adds to a token: bytes read, and work.
  [[nodiscard]] Cost of_a_neuron() const;

  std::unique_ptr<StandardFfn> dense_;
  std::unique_ptr<Chooser> chooser_;
  Routing routing_;
};

}  // namespace assay
