#pragma once
// How several sequences become one (data multiplexing: Murahari et al. 2022, arXiv:2202.09318;
// Murahari et al. 2023, arXiv:2302.12441).

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>

#include "harness/model/block.h"

namespace assay::mux {

/// What a multiplexer that looks beyond a position may know of a pass.
struct MixingPass {
  at::Tensor real = {};  ///< bool [groups, N, length], false at pads; undefined: there are none
  double hidden_dropout = 0, attention_dropout = 0;  ///< above 0 only in passes that train
};

/// Mixes the N instances of each group, position by position.
class Multiplexer {
 public:
  virtual ~Multiplexer() = default;
  [[nodiscard]] virtual std::int64_t instances() const = 0;
  /// [groups, N, length, width] -> [groups, length, width]
  [[nodiscard]] virtual at::Tensor mix(const at::Tensor& instances) const = 0;
  /// The same in a pass with pads, or one that trains: one and the same to a multiplexer that takes
  /// each position by itself.
  [[nodiscard]] virtual at::Tensor mix_in(const at::Tensor& instances,
                                          const MixingPass& /*pass*/) const {
    return mix(instances);
  }
  /// Multiplications of a mixed token.
  [[nodiscard]] virtual std::int64_t macs() const = 0;
  virtual void visit_tensors(const VisitTensor& visit) = 0;
  /// As Input has them; both throw DoesNotApply where a multiplexer does not say how.
  virtual void select_width(const at::Tensor& dimensions);
  virtual void scale_width(const at::Tensor& factors);
  [[nodiscard]] virtual std::unique_ptr<Multiplexer> share() const = 0;
};

/// X = 1/N sum_i key_i o E_i, element by element.
class HadamardMultiplexer final : public Multiplexer {
 public:
  explicit HadamardMultiplexer(at::Tensor keys) : keys_(std::move(keys)) {}  ///< [N, width]
  [[nodiscard]] std::int64_t instances() const override { return keys_.size(0); }
  [[nodiscard]] at::Tensor mix(const at::Tensor& instances) const override;
  [[nodiscard]] std::int64_t macs() const override { return keys_.numel(); }
  void visit_tensors(const VisitTensor& visit) override { visit("keys", keys_); }
  void select_width(const at::Tensor& dimensions) override;
  void scale_width(const at::Tensor& factors) override;
  [[nodiscard]] std::unique_ptr<Multiplexer> share() const override;

 private:
  at::Tensor keys_;
};

/// X = 1/sqrt(N) sum_i E_i M_i, with M_i orthogonal.
class OrthogonalMultiplexer final : public Multiplexer {
 public:
  /// [N, width, width]
  explicit OrthogonalMultiplexer(at::Tensor matrices) : matrices_(std::move(matrices)) {}
  [[nodiscard]] std::int64_t instances() const override { return matrices_.size(0); }
  [[nodiscard]] at::Tensor mix(const at::Tensor& instances) const override;
  [[nodiscard]] std::int64_t macs() const override { return matrices_.numel(); }
  void visit_tensors(const VisitTensor& visit) override { visit("matrices", matrices_); }
  void select_width(const at::Tensor& dimensions) override;
  void scale_width(const at::Tensor& factors) override;
  [[nodiscard]] std::unique_ptr<Multiplexer> share() const override;

 private:
  at::Tensor matrices_;
};

/// Rows of a normal distribution, each divided by its length and times `norm` (published: 1, in
/// DataMUX's warm-up 20). f32 [N, width].
at::Tensor gaussian_keys(std::int64_t instances, std::int64_t width, double norm,
                         at::Generator generator);
/// Row i is 1 in the i-th of N equal parts of the width and 0 elsewhere. Throws UserError where the
/// width has fewer dimensions than there are instances.
at::Tensor binary_keys(std::int64_t instances, std::int64_t width);
/// Uniform over orthogonal matrices: the Q of a normal matrix, its columns signed as the diagonal
/// of R. f32 [N, width, width].
at::Tensor orthogonal_matrices(std::int64_t instances, std::int64_t width, at::Generator generator);

}  // namespace assay::mux
