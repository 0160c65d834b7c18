#pragma once
// What predictors of the DejaVu kind (arXiv 2310.17157) learn: for each token, which neurons or
// heads matter.

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace assay {

/// 0 or 1 for each row and output, a byte or a bit each.
class BinaryLabels {
 public:
  /// bool, or uint8 of 0 and 1 [rows, outputs]. Throws std::logic_error for anything else.
  static BinaryLabels plain(at::Tensor values);
  /// As pack_labels() makes them. Throws std::logic_error for another shape or type.
  static BinaryLabels packed(at::Tensor bytes, std::int64_t outputs);

  [[nodiscard]] std::int64_t rows() const { return tensor_.size(0); }
  [[nodiscard]] std::int64_t outputs() const { return outputs_; }
  /// which int64 [n] -> bool [n, outputs]
  [[nodiscard]] at::Tensor of_rows(const at::Tensor& which) const;
  /// As it is held.
  [[nodiscard]] const at::Tensor& tensor() const { return tensor_; }

 private:
  BinaryLabels(at::Tensor tensor, std::int64_t outputs, bool packed)
      : tensor_(std::move(tensor)), outputs_(outputs), packed_(packed) {}
  at::Tensor tensor_;
  std::int64_t outputs_;
  bool packed_;
};

/// bool [rows, outputs] -> uint8 [rows, ceil(outputs / 8)]: output o is bit o % 8 (from the lowest)
/// of byte o / 8; the bits behind the last are 0.
at::Tensor pack_labels(const at::Tensor& labels);

/// activations [rows, neurons] -> bool: above 0. What a ReLU lets through is what matters.
at::Tensor active_labels(const at::Tensor& activations);

/// values [rows, n] -> bool: the `count` largest of each row that are not 0, so that a row may have
/// fewer: among zeros the choice would be by chance. Which of equal ones at the edge is not said.
at::Tensor largest_labels(const at::Tensor& values, std::int64_t count);

/// contexts [rows, heads * head width], before the output projection -> f32 [rows, heads]: the
/// Euclidean norm of each head's part. DejaVu's labels of heads are
/// largest_labels(head_norms(...), int(heads * share)), its script with a share of 0.3.
at::Tensor head_norms(const at::Tensor& contexts, std::int64_t heads);

}  // namespace assay
