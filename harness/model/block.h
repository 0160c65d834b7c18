#pragma once
// What all blocks of a model have in common: tensors with names, and a cost.

#include <ATen/core/Tensor.h>

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "harness/model/cost.h"

namespace assay {

/// Called with each tensor of a block under its name within the block ("q.weight", "codes"). The
/// visitor may put another tensor in its place.
using VisitTensor = std::function<void(const std::string& name, at::Tensor& tensor)>;

class Block {
 public:
  virtual ~Block() = default;
  /// Every defined tensor that the block computes with, always in the same order. Cloning, casting,
  /// moving, hashing and saving are loops over it.
  virtual void visit_tensors(const VisitTensor& visit) = 0;
  [[nodiscard]] virtual Cost cost() const = 0;
};

/// Skips undefined tensors.
void visit_if_defined(const VisitTensor& visit, const std::string& name, at::Tensor& tensor);
/// The same visitor for a part of a block: its names get `prefix` in front.
VisitTensor visit_part(const VisitTensor& visit, const std::string& prefix);

/// Copies of tensors that share memory as the originals do: a tied head stays tied, slices of a
/// fused weight stay slices of one.
class TensorCopies {
 public:
  /// On large pages where it is large.
  [[nodiscard]] at::Tensor operator()(const at::Tensor& tensor);

 private:
  std::map<const void*, at::Tensor> storages_;  ///< by their address
};

/// A copy with tensors of its own. `Seam` has share().
template <typename Seam>
std::unique_ptr<Seam> clone_block(const Seam& block, TensorCopies& copies) {
  std::unique_ptr<Seam> twin = block.share();
  twin->visit_tensors([&](const std::string&, at::Tensor& tensor) { tensor = copies(tensor); });
  return twin;
}
template <typename Seam>
std::unique_ptr<Seam> clone_block(const Seam& block) {
  TensorCopies copies;
  return clone_block(block, copies);
}

}  // namespace assay
