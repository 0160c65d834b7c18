#pragma once
// One transformer layer.

#include <cstdint>
#include <memory>
#include <vector>

#include "harness/model/dense_linear.h"
#include "harness/model/norm.h"
#include "harness/model/seams.h"

namespace assay {

/// Owns its blocks. A missing block (null) is a residual that passes by.
struct Layer {
  NormBlock attention_norm;  ///< not there when there is nothing to norm
  NormBlock ffn_norm;        ///< likewise, and when the norm is shared
  std::unique_ptr<Attention> attention;
  std::unique_ptr<Ffn> ffn;
  NormBlock attention_out_norm{};  ///< of what attention gives, before the residual is added
  NormBlock ffn_out_norm{};

  /// The linear slots this layer has outside of experts, in the order q k v o router gate up down.
  [[nodiscard]] std::vector<Slot> slots() const;
  /// The matrices that hold the weights: q k v o gate up down, the last three one expert after the
  /// other where there are some. Not a router, which decides and is small: methods leave it alone.
  [[nodiscard]] std::vector<SlotPlace> places() const;
  /// Null when the layer has no such place.
  [[nodiscard]] Linear* find(const SlotPlace& place) const;
  /// Throws std::logic_error for a place that the layer has not, DoesNotApply for a replaced block.
  [[nodiscard]] Linear& linear(const SlotPlace& place) const;
  /// The place as a DenseLinear; throws DoesNotApply when a method has replaced it.
  [[nodiscard]] DenseLinear& dense(const SlotPlace& place) const;
  void replace_linear(const SlotPlace& place, std::unique_ptr<Linear> block);
  /// Names as in the slot table: "q.weight", "attention_norm.bias".
  void visit_tensors(const VisitTensor& visit);
  [[nodiscard]] Cost cost() const;
  /// See Attention::fuse().
  void fuse();
  /// The norms alone.
  [[nodiscard]] Layer without_blocks() const;
  /// A layer that computes with the same tensors.
  [[nodiscard]] Layer share() const;
  /// Deep copy.
  [[nodiscard]] Layer clone() const;
};

}  // namespace assay
