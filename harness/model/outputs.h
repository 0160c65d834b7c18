#pragma once
// What may stand after the last layer.

#include <ATen/core/Tensor.h>

#include <memory>
#include <optional>

#include "harness/model/dense_linear.h"
#include "harness/model/kernels/head_torch.h"
#include "harness/model/seams.h"

namespace assay {

/// Scores of the next token: formed(head(project(rows))).
class VocabularyHead final : public Output {
 public:
  /// head [vocab, embedding_width]; `tied`: it is the embedding, and counted there.
  VocabularyHead(std::optional<DenseLinear> project_out, DenseLinear head, bool tied,
                 const LogitForm& form = {});
  [[nodiscard]] Reads reads() const override { return Reads::kTokens; }
  [[nodiscard]] at::Tensor forward(const at::Tensor& rows) const override;
  [[nodiscard]] std::int64_t outputs() const override { return head_.out_features(); }
  void select_width(const at::Tensor& dimensions) override;
  /// On a CPU without the matrix of scores.
  [[nodiscard]] at::Tensor log_likelihood(const at::Tensor& rows,
                                          const at::Tensor& targets) const override;
  /// A tied head is visited as "head.weight" like any other: whoever lists parameters knows by the
  /// memory that it is the embedding.
  void visit_tensors(const VisitTensor& visit) override;
  [[nodiscard]] Cost cost() const override;
  [[nodiscard]] DenseForm dense_form() const override { return plain_form(*this); }
  [[nodiscard]] std::unique_ptr<Output> share() const override;

 private:
  [[nodiscard]] at::Tensor projected(const at::Tensor& rows) const;
  std::optional<DenseLinear> project_out_;
  DenseLinear head_;
  bool tied_;
  LogitForm form_;
};

/// Scores of classes out of each sequence's first row: classifier(tanh(pooler(row))).
class Classifier final : public Output {
 public:
  /// pooler [pooled, width] or nothing: pooled = width; classifier [classes, pooled] or nothing:
  /// then the pooled rows themselves come out (an encoder without a task).
  Classifier(std::optional<DenseLinear> pooler, std::optional<DenseLinear> classifier,
             std::int64_t width);
  [[nodiscard]] Reads reads() const override { return Reads::kSequences; }
  [[nodiscard]] at::Tensor forward(const at::Tensor& rows) const override;
  [[nodiscard]] std::int64_t outputs() const override;
  void select_width(const at::Tensor& dimensions) override;
  void drop(double share) override { dropout_ = share; }
  [[nodiscard]] const std::optional<DenseLinear>& pooler() const { return pooler_; }
  void visit_tensors(const VisitTensor& visit) override;
  [[nodiscard]] Cost cost() const override;
  [[nodiscard]] DenseForm dense_form() const override { return plain_form(*this); }
  [[nodiscard]] std::unique_ptr<Output> share() const override;

 private:
  std::optional<DenseLinear> pooler_, classifier_;
  std::int64_t width_;
  double dropout_ = 0;
};

}  // namespace assay
