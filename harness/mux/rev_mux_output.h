#pragma once
// The output of a RevMUX encoder (Xu et al. 2024, arXiv:2410.04519): the input's chain is run
// backwards on each group's first row, and each instance that comes out is projected up and
// classified.

#include <memory>
#include <optional>
#include <vector>

#include "harness/model/dense_linear.h"
#include "harness/model/seams.h"
#include "harness/mux/coupling_chain.h"

namespace assay::mux {

struct RevMuxHead {
  std::shared_ptr<SharedChain> chain;  ///< the input's
  /// width / N -> inner -> inner -> width, with relu between them
  std::vector<DenseLinear> up;
  std::optional<DenseLinear> pooler;  ///< of the mixed row, before it is told apart (as released)
  DenseLinear classifier;
};

class RevMuxOutput final : public Output {
 public:
  explicit RevMuxOutput(RevMuxHead head) : head_(std::move(head)) {}
  [[nodiscard]] Reads reads() const override { return Reads::kSequences; }
  /// rows [groups, width] -> [groups * N, classes]
  [[nodiscard]] at::Tensor forward(const at::Tensor& rows) const override;
  /// The same rows, not pooled -> [groups * N, width]: what stands for each sequence's first row.
  [[nodiscard]] at::Tensor features(const at::Tensor& rows) const;
  [[nodiscard]] std::int64_t outputs() const override { return head_.classifier.out_features(); }
  /// In the chain, behind every linear of the upward projection, and before the classifier.
  void drop(double share) override { dropout_ = share; }
  /// "rev.up.<i>.<...>", "pooler.<...>", "head.<...>": not the chain's, which the input visits.
  void visit_tensors(const VisitTensor& visit) override;
  /// Parameters without the chain's; its work, and the pooler's, is shared by a group.
  [[nodiscard]] Cost cost() const override;
  /// After the input of the same model.
  [[nodiscard]] std::unique_ptr<Output> share() const override;

 private:
  RevMuxHead head_;
  double dropout_ = 0;
};

/// As BERT's matrices start, normal with deviation `deviation`, without biases: part -> 3 width ->
/// 3 width -> width; f32.
std::vector<DenseLinear> start_up_projection(std::int64_t part, std::int64_t width,
                                             double deviation, at::Generator generator);

}  // namespace assay::mux
