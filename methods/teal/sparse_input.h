#pragma once
// Matrices behind a threshold on what they read: one site of TEAL.

#include <utility>

#include "methods/teal/input_major.h"
#include "methods/teal/threshold.h"

namespace assay::teal {

/// Of the entries of a site's input: how many a token used. Mean over the sites.
inline constexpr StepFact kInputShare{"input_share", StepFact::Over::kMean};

/// y = s(x) W^T + b with s(x)_j = x_j where it is used (Threshold), else 0.
///
/// Decoding on the CPU reads only the weights of the entries that are used; everything else masks x
/// and multiplies densely. Several sequences that decode together are gathered one after the other,
/// each with its own entries, unless they use at least as many together as the matrix has inputs:
/// reading the whole matrix once is no dearer then, and it is what is done.
class SparseInput {
 public:
  SparseInput(InputMajor matrices, Threshold threshold)
      : matrices_(std::move(matrices)), threshold_(std::move(threshold)) {}

  /// rows [n, in] -> [n, out]. Tells the step's observer what each row used and read.
  [[nodiscard]] at::Tensor forward(const at::Tensor& rows, const StepContext& step) const;

  [[nodiscard]] const InputMajor& matrices() const { return matrices_; }
  [[nodiscard]] InputMajor& matrices() { return matrices_; }
  [[nodiscard]] Threshold& threshold() { return threshold_; }
  /// The names of the matrices' slots, and `prefix` + "low", "high".
  void visit_tensors(const VisitTensor& visit, const std::string& prefix);
  /// Without what the observer is told: the weights that a token reads.
  [[nodiscard]] Cost cost() const;

 private:
  [[nodiscard]] at::Tensor gathered(const at::Tensor& rows, const StepContext& step) const;
  /// used, read: f32 [n], entries of each row.
  void tell(const StepContext& step, const at::Tensor& used, const at::Tensor& read) const;

  InputMajor matrices_;
  Threshold threshold_;
};

/// Whether reading the matrix once is no dearer than what these rows read one after the other.
bool dense_is_cheaper(const std::vector<Selection>& selections, std::int64_t inputs);

}  // namespace assay::teal
