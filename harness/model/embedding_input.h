#pragma once
// Token embeddings with what is added to them.

#include <ATen/core/Tensor.h>

#include <memory>
#include <optional>

#include "harness/model/dense_linear.h"
#include "harness/model/norm.h"
#include "harness/model/seams.h"

namespace assay {

/// Tensors that a model does not have are undefined.
struct EmbeddingTensors {
  at::Tensor tokens;       ///< [vocab, embedding_width]
  at::Tensor positions;    ///< [position_offset + max_positions, width]
  at::Tensor token_types;  ///< [types, width]
  std::optional<DenseLinear> project_in;
  NormBlock norm;
  std::int64_t position_offset = 0;  ///< row of position 0
  double scale = 1;                  ///< of the rows of `tokens`
};

/// norm(project(scale * tokens) + positions + token types).
class EmbeddingInput final : public Input {
 public:
  explicit EmbeddingInput(EmbeddingTensors tensors) : tensors_(std::move(tensors)) {}
  [[nodiscard]] at::Tensor forward(const at::Tensor& tokens, StepContext& step) const override;
  /// What forward() does behind the table of tokens: rows [n, width] of the residual stream -> with
  /// token types, positions and norm. May change `rows`.
  [[nodiscard]] at::Tensor placed(at::Tensor rows, const StepContext& step) const;
  void select_width(const at::Tensor& dimensions) override;
  /// Throws DoesNotApply where tokens are projected: their table is of another width.
  void scale_width(const at::Tensor& factors) override;
  void visit_tensors(const VisitTensor& visit) override;
  [[nodiscard]] Cost cost() const override;
  [[nodiscard]] DenseForm dense_form() const override { return plain_form(*this); }
  [[nodiscard]] std::unique_ptr<Input> share() const override;
  [[nodiscard]] const at::Tensor& token_table() const { return tensors_.tokens; }

 private:
  [[nodiscard]] at::Tensor embedded(const at::Tensor& tokens) const;
  EmbeddingTensors tensors_;
};

}  // namespace assay
