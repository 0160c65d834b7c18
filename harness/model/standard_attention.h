#pragma once
// The attention block of a loaded model, in five steps that methods may use one by one.

#include <ATen/core/Tensor.h>

#include <array>
#include <memory>
#include <optional>

#include "harness/model/attention_product.h"
#include "harness/model/dense_linear.h"
#include "harness/model/kernels/attention_torch.h"
#include "harness/model/norm.h"
#include "harness/model/seams.h"

namespace assay {

/// Shape of attention in one layer.
struct AttentionShape {
  std::int64_t heads = 0;
  std::int64_t kv_heads = 0;
  std::int64_t head_dim = 0;
  std::int64_t sliding_window = 0;  ///< 0: none
  bool interleaved = false;         ///< of rotation; see rotate_heads()
  double scale = 0;                 ///< of the scores; 0: 1 / sqrt(head_dim)
  double softcap = 0;               ///< of the scores, as ScoreForm has it
  double clip = 0;                  ///< q, k and v stay within [-clip, clip]; 0: no such bounds
  [[nodiscard]] HeadLayout layout() const { return {heads, kv_heads, head_dim, scale}; }
  [[nodiscard]] ScoreForm scores() const {
    return {scale > 0 ? std::optional(scale) : std::nullopt, softcap};
  }
};

/// RMS norms of q and k over each head (weights [head_dim]), or over all heads together (weights as
/// wide as the projection). Not there: none.
struct QkNorms {
  NormBlock query, key;
};

/// What store() hands to attend(); all views.
struct AttentionHeads {
  at::Tensor query;         ///< [batch, heads, tokens, head_dim]
  at::Tensor keys, values;  ///< [batch, kv_heads, keys, head_dim], cached ones first
};

/// Grouped-query attention with optional rotation, masks and cache. While q, k and v lie side by
/// side, they are one product.
///
/// forward() is project -> rotate -> store -> attend -> combine. How attention is computed is
/// chosen once a step, by path().
class StandardAttention : public Attention {
 public:
  /// q [heads * head_dim, width], k and v [kv_heads * head_dim, width], o [width, heads * head_dim]
  StandardAttention(const AttentionShape& shape, DenseLinear q, DenseLinear k, DenseLinear v,
                    DenseLinear o, QkNorms norms = {});
  /// Without matrices, for blocks with products of their own: rotates, stores, attends and visits
  /// its norms. Nothing else of it may be called.
  explicit StandardAttention(const AttentionShape& shape, QkNorms norms = {})
      : shape_(shape), norms_(std::move(norms)) {}

  [[nodiscard]] at::Tensor forward(const at::Tensor& rows, StepContext& step) const override;

  // The five steps.

  /// rows [n, width] -> queries, keys and values [n, (heads + 2 kv_heads) * head_dim]
  [[nodiscard]] at::Tensor project(const at::Tensor& rows) const;
  /// What stands between the product and the cache: norms queries and keys, clips q, k and v, and
  /// turns these by their positions, each where the model does. In place, unless the pass is
  /// differentiated.
  [[nodiscard]] at::Tensor rotate(at::Tensor qkv, const StepContext& step) const;
  /// Appends keys and values to the cache, when there is one.
  [[nodiscard]] AttentionHeads store(const at::Tensor& qkv, const StepContext& step) const;
  /// The heads' contexts [n, heads * head_dim].
  [[nodiscard]] at::Tensor attend(const at::Tensor& qkv, const AttentionHeads& heads,
                                  const StepContext& step) const;
  /// contexts [n, heads * head_dim] -> rows [n, width]
  [[nodiscard]] at::Tensor combine(const at::Tensor& context) const;

  [[nodiscard]] const AttentionShape& shape() const { return shape_; }
  [[nodiscard]] const QkNorms& norms() const { return norms_; }
  void visit_norms(const VisitTensor& visit);
  [[nodiscard]] Linear* linear(Slot slot) const override;
  void replace_linear(Slot slot, std::unique_ptr<Linear> block) override;
  void visit_tensors(const VisitTensor& visit) override;
  [[nodiscard]] Cost cost() const override;
  /// Of this very class: one that is derived from it may compute otherwise, and says so itself.
  [[nodiscard]] DenseForm dense_form() const override;
  [[nodiscard]] std::unique_ptr<Attention> share() const override;
  void fuse() override;

 protected:
  StandardAttention() = default;
  void share_into(StandardAttention& twin) const;

 private:
  /// How a step attends.
  enum class Path {
    kSegments,     ///< packed sequences, each alone
    kCachedQuery,  ///< one query a sequence over the cache, in our kernel
    kBlocks,       ///< whole sequences, in our kernel
    kOneQuery,     ///< one query a sequence, a group of heads at a time
    kGeneral,
  };
  [[nodiscard]] Path path(const at::Tensor& qkv, const StepContext& step) const;
  /// First cached position that a single query sees.
  [[nodiscard]] std::int64_t first_key(const StepContext& step) const;
  [[nodiscard]] at::Tensor normed_and_clipped(at::Tensor qkv) const;
  [[nodiscard]] at::Tensor normed(at::Tensor qkv, bool in_place) const;
  [[nodiscard]] AttentionHeads split(const at::Tensor& qkv, const StepContext& step) const;
  /// Whether our kernel computes whole sequences that have no masks.
  [[nodiscard]] bool blocks_apply(const at::Tensor& qkv, const StepContext& step) const;
  [[nodiscard]] at::Tensor attend_segments(const at::Tensor& qkv, const AttentionHeads& heads,
                                           const StepContext& step) const;
  [[nodiscard]] at::Tensor attend_one(const AttentionHeads& heads, const StepContext& step) const;
  [[nodiscard]] at::Tensor scaled_product(const AttentionHeads& heads, const at::Tensor& mask,
                                          const StepContext& step) const;

  AttentionShape shape_;
  QkNorms norms_;
  std::optional<DenseLinear> fused_;              ///< q, k and v as one; empty when they are not
  std::array<std::unique_ptr<Linear>, 4> slots_;  ///< q, k, v, o
};

}  // namespace assay
