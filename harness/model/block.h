#pragma once
// What all blocks of a model have in common: tensors with names, and a cost.

#include <ATen/core/Tensor.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "harness/checkpoint/spec.h"
#include "harness/model/cost.h"

namespace assay {

/// Called with each tensor of a block under its name within the block ("q.weight", "codes"). The
/// visitor may put another tensor in its place.
using VisitTensor = std::function<void(const std::string& name, at::Tensor& tensor)>;

/// A block as the plain one of its place would hold it, for files that know nothing else.
struct DenseForm {
  /// By the names that visit_tensors() of the plain block gives: "weight", "up.bias".
  std::map<std::string, at::Tensor> tensors;
  std::optional<ActivationKind> activation;  ///< of a feed-forward block
  std::set<std::string> remarks;             ///< what it took: "4-bit weights, dequantised"
  /// Not empty: what the block is, and no plain block computes the same. The rest means nothing
  /// then.
  std::string impossible;
  /// Takes over the form of a part, whose names get `prefix` in front.
  void add(const std::string& prefix, const DenseForm& part);
};

class Block {
 public:
  virtual ~Block() = default;
  /// Every defined tensor that the block computes with, always in the same order. Cloning, casting,
  /// moving, hashing and saving are loops over it.
  virtual void visit_tensors(const VisitTensor& visit) = 0;
  [[nodiscard]] virtual Cost cost() const = 0;
  /// How exported models express this block. Unless a block says so itself, not at all.
  [[nodiscard]] virtual DenseForm dense_form() const;
};

/// Of a block that is a plain one: the tensors that it visits.
DenseForm plain_form(const Block& block);

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
