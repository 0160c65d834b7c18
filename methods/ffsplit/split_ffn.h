#pragma once
// The feed-forward block in two parts, each with its own kind of matrices.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "harness/compress/low_rank.h"
#include "harness/model/dense_linear.h"
#include "harness/model/kernels/packed.h"

namespace assay::ffsplit {

/// One matrix [out, in] of a part: as it was (in the model's dtype), two factors, or packed.
using Matrix = std::variant<at::Tensor, LowRank, PackedMatrix>;

/// Some neurons of the block: rows of gate and up with their biases, columns of down.
struct Part {
  std::optional<Matrix> gate;     ///< [n, width]; only in a gated block
  Matrix up;                      ///< [n, width]
  Matrix down;                    ///< [width, n]
  at::Tensor gate_bias, up_bias;  ///< [n] or undefined
};

/// sum over parts of down_p(act(up_p(x))) + b, or with gates; the sum over neurons taken apart
/// (FFSplit, arXiv 2401.04044). All unpacked matrices that read x are one product, [U1 | A_U] in
/// the paper's letters, and all that write the output another, [V1; B_V].
class SplitFfn final : public Ffn {
 public:
  /// Parts in the model's dtype and device. Copies tensors that go into a fused product, keeps
  /// others. down_bias [width] or undefined; it is added once. At least one part.
  SplitFfn(ActivationKind activation, std::vector<Part> parts, const at::Tensor& down_bias);

  /// Tells a recorder the input; there is no one matrix whose input the hidden rows would be.
  [[nodiscard]] at::Tensor forward(const at::Tensor& rows, StepContext& step) const override;
  [[nodiscard]] Linear* linear(Slot) const override { return nullptr; }
  /// Throws std::logic_error: there are no slots.
  void replace_linear(Slot slot, std::unique_ptr<Linear> block) override;
  [[nodiscard]] Cost cost() const override;
  /// One block again: factors multiplied out, packed parts dequantised, the parts' neurons one
  /// after the other.
  [[nodiscard]] DenseForm dense_form() const override;
  void visit_tensors(const VisitTensor& visit) override;
  [[nodiscard]] std::unique_ptr<Ffn> share() const override;

 private:
  /// From x to one part's neurons.
  struct Entry {
    std::int64_t offset = 0, width = 0;  ///< of the fused product's columns; 0 wide: none of it
    std::unique_ptr<Linear> after;       ///< second factor of the columns, or all of it, reading x
    at::Tensor bias;                     ///< added here unless `after` does
  };
  /// From one part's neurons to the output.
  struct Exit {
    std::unique_ptr<Linear> before;  ///< first factor of what goes into the fused product
    std::unique_ptr<Linear> own;     ///< all of it, apart from the fused product
  };
  struct Piece {
    std::optional<Entry> gate;
    Entry up;
    Exit down;
    [[nodiscard]] std::int64_t neurons() const;
  };
  SplitFfn() = default;
  static Entry share(const Entry& entry);
  [[nodiscard]] static at::Tensor enter(const Entry& entry, const at::Tensor& rows,
                                        const at::Tensor& fused);
  /// The matrix and the bias of a piece's entry, f32.
  [[nodiscard]] DenseLinear entered(const Entry& entry) const;
  /// The matrix of a piece's exit, f32; `column` counts those of the fused product.
  [[nodiscard]] at::Tensor left(const Piece& piece, std::int64_t& column) const;
  [[nodiscard]] at::Tensor hidden(const Piece& piece, const at::Tensor& rows,
                                  const at::Tensor& fused) const;

  ActivationKind activation_ = ActivationKind::kGelu;
  std::vector<Piece> pieces_;
  std::unique_ptr<Linear> first_, last_;  ///< the fused products; null when all is packed
};

}  // namespace assay::ffsplit
