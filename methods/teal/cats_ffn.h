#pragma once
// A gated feed-forward block that computes the neurons whose gate is open (CATS).

#include <memory>

#include "harness/model/standard_ffn.h"
#include "methods/teal/input_major.h"
#include "methods/teal/threshold.h"

namespace assay::teal {

/// Of the neurons: how many a token used.
inline constexpr StepFact kNeuronShare{"neuron_share", StepFact::Over::kMean};

/// y = sum over the neurons with |a_j| > t of a_j (U_j x + u_j) D_j + d, a = act(G x + g). The gate
/// is computed whole; rows of up and columns of down are read for those neurons alone when a token
/// is decoded on the CPU, and masked in a dense product otherwise. Several sequences: as
/// SparseInput.
class CatsFfn final : public Ffn {
 public:
  /// gate, up [ffn_width, width]; down input-major, of one part; the threshold over the neurons.
  CatsFfn(ActivationKind activation, DenseLinear gate, DenseLinear up, InputMajor down,
          Threshold threshold);

  [[nodiscard]] at::Tensor forward(const at::Tensor& rows, StepContext& step) const override;
  [[nodiscard]] Linear* linear(Slot slot) const override;
  /// Throws DoesNotApply unless the new block is dense.
  void replace_linear(Slot slot, std::unique_ptr<Linear> block) override;
  void visit_tensors(const VisitTensor& visit) override;
  /// Gate, biases and bounds; what the neurons of a token add goes to the StepObserver.
  [[nodiscard]] Cost cost() const override;
  [[nodiscard]] DenseForm dense_form() const override;
  [[nodiscard]] std::unique_ptr<Ffn> share() const override;

 private:
  [[nodiscard]] at::Tensor masked(const at::Tensor& rows, const at::Tensor& gate,
                                  const at::Tensor& used, const StepContext& step) const;
  [[nodiscard]] at::Tensor gathered(const at::Tensor& rows, const at::Tensor& gate,
                                    StepContext& step) const;
  /// f32 [1, width] of one row [1, width] and its open gates, f32 [neurons].
  [[nodiscard]] at::Tensor gathered_row(const at::Tensor& row, const at::Tensor& gate,
                                        const Selection& selection) const;
  [[nodiscard]] Cost of_a_neuron() const;
  /// used, read: f32 [n], neurons of each row.
  void tell(const StepContext& step, const at::Tensor& used, const at::Tensor& read) const;

  ActivationKind activation_;
  std::unique_ptr<DenseLinear> gate_, up_;
  InputMajor down_;
  Threshold threshold_;
};

}  // namespace assay::teal
