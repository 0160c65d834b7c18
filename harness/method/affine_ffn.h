#pragma once
// A feed-forward block that has become one affine map.

#include <memory>
#include <utility>

#include "harness/model/dense_linear.h"

namespace assay {

/// y = x W^T + b for the whole block.
class AffineFfn final : public Ffn {
 public:
  explicit AffineFfn(DenseLinear map) : map_(std::move(map)) {}
  [[nodiscard]] at::Tensor forward(const at::Tensor& rows, StepContext& step) const override;
  /// There is none: gate, up and down are not separate any more.
  [[nodiscard]] Linear* linear(Slot) const override { return nullptr; }
  void replace_linear(Slot slot, std::unique_ptr<Linear> block) override;
  [[nodiscard]] Cost cost() const override { return map_.cost(); }
  [[nodiscard]] DenseForm dense_form() const override;
  void visit_tensors(const VisitTensor& visit) override {
    map_.visit_tensors(visit_part(visit, "affine."));
  }
  [[nodiscard]] std::unique_ptr<Ffn> share() const override {
    return std::make_unique<AffineFfn>(*this);
  }

 private:
  DenseLinear map_;
};

/// The map with weight [width, width] and bias [width] in the dtype and on the device of `like`, on
/// large pages.
std::unique_ptr<AffineFfn> make_affine_ffn(const at::Tensor& weight, const at::Tensor& bias,
                                           const at::Tensor& like);

}  // namespace assay
