#pragma once
// Attention of which each token runs the heads that a chooser names.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>

#include "harness/contextual/chooser.h"
#include "harness/contextual/routing.h"
#include "harness/model/input_major_linear.h"
#include "harness/model/standard_attention.h"

namespace assay {

/// Of the heads: how many a token ran.
inline constexpr StepFact kHeadShare{"head_share", StepFact::Over::kMean};

/// Told what the heads of a layer gave, for predictions from it.
class ContextReader {
 public:
  virtual ~ContextReader() = default;
  /// context [n, heads * head_dim]; heads that a row did not run are zeros
  virtual void read(const at::Tensor& context, const StepContext& step) const = 0;
  virtual void visit_tensors(const VisitTensor& visit) = 0;
  [[nodiscard]] virtual Cost cost() const = 0;
  [[nodiscard]] virtual std::unique_ptr<ContextReader> share() const = 0;
};

/// Queries, scores and outputs are those of the chosen heads. Routing::missing says whose keys and
/// values: all heads', so that one that runs later finds those of all tokens before it, or fewer.
///
/// Two forms of the same: passes over many rows compute all heads and mask their contexts; a
/// decoded token, alone in its step, reads the rows of what it chose only.
class RoutedAttention final : public Attention {
 public:
  /// `dense` with dense matrices, of which o is stored input by input from then on where there is a
  /// chooser. No chooser: every head runs, and the block only says what its stream and context are.
  RoutedAttention(std::unique_ptr<StandardAttention> dense, std::unique_ptr<Chooser> chooser,
                  std::unique_ptr<ContextReader> reader, const Routing& routing);

  [[nodiscard]] at::Tensor forward(const at::Tensor& rows, StepContext& step) const override;
  [[nodiscard]] Linear* linear(Slot slot) const override;
  void replace_linear(Slot slot, std::unique_ptr<Linear> block) override;
  void visit_tensors(const VisitTensor& visit) override;
  /// Touched bytes and work are those that every token has: the chooser's, and the keys' and
  /// values' where none are missing. What its heads add goes to the StepObserver.
  [[nodiscard]] Cost cost() const override;
  [[nodiscard]] DenseForm dense_form() const override;
  [[nodiscard]] std::unique_ptr<Attention> share() const override;
  void fuse() override { dense_->fuse(); }

 private:
  [[nodiscard]] at::Tensor masked(const at::Tensor& rows, StepContext& step) const;
  /// One row, masks [1, heads] and due [1, kv_heads] or undefined.
  [[nodiscard]] at::Tensor gathered(const at::Tensor& row, const at::Tensor& masks,
                                    const at::Tensor& due, StepContext& step) const;
  /// int64 [rows, kv_heads]: how many rows of k and v each row computes of a head, where that is
  /// not always its own (kDense: undefined). Notes a decoded step; `row`: see LateKeys.
  [[nodiscard]] at::Tensor keys_due(const StepContext& step, const at::Tensor& masks,
                                    const at::Tensor& row) const;
  /// Queries of the heads in `mask`, keys and values of those in `keyed` (undefined: of all); zeros
  /// for the others. One row.
  [[nodiscard]] at::Tensor projected(const at::Tensor& row, const at::Tensor& mask,
                                     const at::Tensor& keyed) const;
  /// Contexts of the heads in `masks` (others' are no good), over the keys that there are.
  [[nodiscard]] at::Tensor attended(const at::Tensor& qkv, const AttentionHeads& cached,
                                    const at::Tensor& masks, const StepContext& step) const;
  [[nodiscard]] at::Tensor masks_for(const at::Tensor& rows, const at::Tensor& values,
                                     const StepContext& step) const;
  /// context [n, heads * head_dim], zero where masks bool [n, heads] have no head
  [[nodiscard]] at::Tensor kept(const at::Tensor& context, const at::Tensor& masks) const;
  [[nodiscard]] const InputMajorLinear& out() const;  ///< unless routing_.runs_all
  [[nodiscard]] std::int64_t heads() const { return dense_->shape().heads; }
  /// due: of keys_due()
  void tell(const StepContext& step, const at::Tensor& masks, const at::Tensor& due) const;
  /// context [n, heads * head_dim]: what all heads gave, over all keys.
  void tell_quality(const StepContext& step, const at::Tensor& context,
                    const at::Tensor& masks) const;
  [[nodiscard]] Cost of_a_head() const;
  /// Its rows of k and v.
  [[nodiscard]] Cost of_a_key_head() const;

  std::unique_ptr<StandardAttention> dense_;
  std::unique_ptr<Chooser> chooser_;
  std::unique_ptr<ContextReader> reader_;
  Routing routing_;
};

}  // namespace assay
