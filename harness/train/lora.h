#pragma once
// Low-rank adaptation (Hu et al. 2022, arXiv:2106.09685): W stays, and a product of two thin
// matrices beside it trains.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <memory>

#include "harness/model/dense_linear.h"
#include "harness/model/model.h"

namespace assay {

struct LoraSettings {
  std::int64_t rank = 8;
  double alpha = 16;   ///< the product is scaled by alpha / rank
  double dropout = 0;  ///< share of the rows' elements that the thin product does not see
  std::uint64_t seed = 0;
  /// What is exactly zero in W stays zero in the sum: the product counts only elsewhere.
  bool keep_zeros = false;
};

/// y = x W^T + b + (alpha / rank) (drop(x) A^T) B^T, with A [rank, in] and B [out, rank] in f32.
///
/// A starts uniform in +-1 / sqrt(in), as the reference implementation and PEFT have it, B at zero:
/// before training this is the dense block, bit for bit. Its tensors are "frozen.weight",
/// "frozen.bias", "lora_a" and "lora_b". With keep_zeros and zeros in W the product B A is masked,
/// in training as in what is merged: it is then computed whole. One pair a block; slices with pairs
/// of their own are not offered.
class LoraLinear final : public Linear {
 public:
  /// `number` tells blocks of one model apart: each draws its own A from the seed.
  LoraLinear(const DenseLinear& frozen, const LoraSettings& settings, std::int64_t number);
  [[nodiscard]] at::Tensor forward(const at::Tensor& rows) const override;
  [[nodiscard]] std::int64_t in_features() const override { return frozen_.in_features(); }
  [[nodiscard]] std::int64_t out_features() const override { return frozen_.out_features(); }
  void visit_tensors(const VisitTensor& visit) override;
  [[nodiscard]] Cost cost() const override;
  [[nodiscard]] std::unique_ptr<Linear> share() const override;
  /// The dense block that computes the same: W + (alpha / rank) B A, in W's dtype and new memory.
  [[nodiscard]] DenseLinear merged() const;
  /// The same with a graph, in f32.
  [[nodiscard]] DenseLinear composed() const;
  /// From now on drops as the settings say, or nothing any more.
  void use_dropout(bool on) { drops_ = on; }

 private:
  /// (alpha / rank) x A^T B^T
  [[nodiscard]] at::Tensor thin_product(const at::Tensor& rows) const;
  /// B A where W may change.
  [[nodiscard]] at::Tensor product() const;
  DenseLinear frozen_;
  at::Tensor a_, b_;
  at::Tensor kept_;  ///< f32 [out, in], 1 where W is not zero; undefined: everywhere
  double scale_, dropout_;
  bool drops_ = false;
};

/// Which linear slots of a model get a thin product.
using SlotChoice = std::function<bool(std::int64_t layer, Slot slot)>;
/// Puts a LoraLinear around each chosen dense slot. Throws std::logic_error where one is not dense.
void add_lora(Model& model, const LoraSettings& settings, const SlotChoice& choose);
/// Each LoraLinear becomes the dense block that it computes; the model is fused then.
void merge_lora(Model& model);
/// Each LoraLinear becomes a dense block of W + (alpha / rank) B A, whose gradients reach A and B:
/// for models that share their tensors with one that is trained. Nothing is dropped.
void compose_lora(Model& model);
void use_lora_dropout(Model& model, bool on);
/// True for the thin matrices: what trains while all else is frozen.
bool is_lora(const Parameter& parameter);

}  // namespace assay
