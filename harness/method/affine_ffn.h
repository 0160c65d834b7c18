#pragma once
// A feed-forward block that has become one affine map.

#include <memory>
#include <utility>

#include "harness/model/slots.h"

namespace assay {

/// y = x W^T + b for the whole block.
class AffineFfn final : public Ffn {
 public:
  explicit AffineFfn(DenseLinear map) : map_(std::move(map)) {}
  [[nodiscard]] at::Tensor forward(const at::Tensor& rows, StepContext& step) const override;
  /// There is none: gate, up and down are not separate any more.
  [[nodiscard]] Linear* linear(LinearRole) const override { return nullptr; }
  void replace_linear(LinearRole role, std::unique_ptr<Linear> block) override;
  [[nodiscard]] Cost cost() const override { return map_.cost(); }
  [[nodiscard]] std::unique_ptr<Ffn> clone() const override;

 private:
  DenseLinear map_;
};

/// The map with weight [width, width] and bias [width] in the dtype and on the device of `like`, on
/// large pages.
std::unique_ptr<AffineFfn> make_affine_ffn(const at::Tensor& weight, const at::Tensor& bias,
                                           const at::Tensor& like);

}  // namespace assay
