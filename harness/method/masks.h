#pragma once
// Artefacts of methods that only zero weights (one bit a weight), or that replace whole weights;
// and the record of the sparsity that came out.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

#include "harness/method/method.h"

namespace assay {

/// bool [rows, columns] -> uint8 [rows, ceil(columns / 8)]; bit c % 8 of byte c / 8 is column c,
/// counted from the least significant bit; spare bits are 0.
at::Tensor pack_mask(const at::Tensor& mask);
/// Inverse. Throws UserError when the bytes do not fit `columns`.
at::Tensor unpack_mask(const at::Tensor& bytes, std::int64_t columns);

/// Zeroes what the mask does not keep, in place; kept weights stay bit-identical.
void apply_mask(const at::Tensor& weight, const at::Tensor& keep);

/// A dense weight as f32, contiguous, on the CPU; shares memory when it is that already.
at::Tensor weight_for_fit(const DenseLinear& linear);

/// Counts zeros matrix by matrix and reports them as metrics "achieved_sparsity/layer.3.q".
class SparsityRecord {
 public:
  explicit SparsityRecord(FitContext& context) : context_(context) {}
  void add(const std::string& slot, const at::Tensor& weight);
  /// Reports "achieved_sparsity", over all matrices.
  void finish();

 private:
  FitContext& context_;
  std::int64_t zeros_ = 0;
  std::int64_t weights_ = 0;
};

/// Collects what a pruner decided into an artefact.
class PrunedWeights {
 public:
  explicit PrunedWeights(FitContext& context) : record_(context) {}
  /// Keeps the mask (bool [out, in]) and applies it to the layer's weight.
  void prune(std::int64_t index, const SlotPlace& place, const at::Tensor& weight,
             const at::Tensor& keep);
  /// Keeps new values of a weight (f32 [out, in]) and writes them into the layer.
  void replace(std::int64_t index, const SlotPlace& place, const at::Tensor& weight,
               const at::Tensor& value);
  /// A matrix that stays as it is: counted, not stored.
  void leave(std::int64_t index, const SlotPlace& place, const at::Tensor& weight);
  /// Reports the total; use once, at the end.
  Artefact finish();

 private:
  SparsityRecord record_;
  Artefact artefact_;
};

/// Applies an artefact of PrunedWeights, or any tensors under the names of parameters. Throws
/// UserError when a tensor does not fit the model.
void apply_pruned_weights(Model& model, const Artefact& artefact);

/// Base of methods whose artefact is masks or replaced weights and which take sparsity_params().
class PruningMethod : public Method {
 public:
  [[nodiscard]] std::vector<std::string> unmet(const ModelSpec& spec,
                                               const Params& params) const override;
  void apply(Model& model, const Artefact& artefact) const override;
};

}  // namespace assay
