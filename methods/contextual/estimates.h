#pragma once
// Cheap estimates of a block's pre-activations from its own input, made of its weights alone.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "harness/compress/packed_linear.h"
#include "harness/contextual/top_chooser.h"
#include "harness/model/standard_ffn.h"

namespace assay::contextual {

/// A matrix as a product of two thin ones, and its bias.
struct ThinMatrix {
  at::Tensor left;   ///< [neurons, rank]
  at::Tensor right;  ///< [rank, width]
  at::Tensor bias;   ///< [neurons] or undefined
  /// rows [n, width] -> [n, neurons]
  [[nodiscard]] at::Tensor operator()(const at::Tensor& rows) const;
};

/// The truncated SVD of the first matrices in their place: runs the neurons whose estimated value
/// is largest. For ReLU that is the estimated pre-activation, else the magnitude of what down would
/// get. No data, no training.
class SvdEstimate final : public TopChooser {
 public:
  /// gate: undefined matrices for a plain block.
  SvdEstimate(std::int64_t count, ActivationKind activation, ThinMatrix gate, ThinMatrix up)
      : TopChooser(count), activation_(activation), gate_(std::move(gate)), up_(std::move(up)) {}
  void visit_tensors(const VisitTensor& visit) override;
  [[nodiscard]] Cost cost() const override;
  [[nodiscard]] std::unique_ptr<Chooser> share() const override {
    return std::make_unique<SvdEstimate>(*this);
  }

 private:
  [[nodiscard]] at::Tensor scores(const ChoiceInput& input, const StepContext& step) const override;
  ActivationKind activation_;
  ThinMatrix gate_, up_;
};

/// The signs of the first matrix (gate, or up of a plain block), two bits a weight: runs the
/// neurons whose weights agree in sign with most of the input (after SparseInfer, arXiv
/// 2411.12692).
class SignEstimate final : public TopChooser {
 public:
  SignEstimate(std::int64_t count, PackedLinear signs)
      : TopChooser(count), signs_(std::move(signs)) {}
  void visit_tensors(const VisitTensor& visit) override { signs_.visit_tensors(visit); }
  [[nodiscard]] Cost cost() const override { return signs_.cost(); }
  [[nodiscard]] std::unique_ptr<Chooser> share() const override {
    return std::make_unique<SignEstimate>(*this);
  }

 private:
  [[nodiscard]] at::Tensor scores(const ChoiceInput& input, const StepContext& step) const override;
  PackedLinear signs_;
};

/// -1, 0 or 1 for each weight.
PackedMatrix signs_of(const at::Tensor& weight);

}  // namespace assay::contextual
