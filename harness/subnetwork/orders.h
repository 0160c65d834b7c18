#pragma once
// The units of a model by importance, and the model with them in that order: then a smaller
// sub-network is a leading part of a larger one.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "harness/model/model.h"
#include "harness/subnetwork/sub_network.h"

namespace assay::subnetwork {

/// Most important first. Whatever is missing stays in the order that it has.
struct Orders {
  std::map<std::int64_t, at::Tensor> neurons;  ///< int64 [ffn_width], by layer
  std::map<std::int64_t, at::Tensor> groups;   ///< int64 [kv_heads], by layer
  at::Tensor width;                            ///< int64 [width], or undefined
  /// Of all layers. They are not moved: a network of d layers keeps the first d of these, and runs
  /// them in the model's own order.
  std::vector<std::int64_t> layers;
};

/// Moves units, not layers. The model computes the same, but for the last bits of its sums.
void apply_orders(Model& model, const Orders& orders);

/// A part of the ordered model as a part of the model itself: the same units by their places there.
SubNetwork in_model_order(const SubNetwork& part, const Orders& orders);
/// Puts the units of what extract(part) left of the ordered model into the order that they have in
/// the model itself: then it is what extract(in_model_order(part)) leaves of that.
void restore_order(Model& extracted, const SubNetwork& part, const Orders& orders);

/// As tensors of an artefact: "order/layer.3.neurons", "order/width", "order/layers".
std::map<std::string, at::Tensor> to_tensors(const Orders& orders);
/// Reverses it; other tensors are passed over.
Orders orders_from_tensors(const std::map<std::string, at::Tensor>& tensors);

/// Highest first, of equal ones the lower index: scores of any real type [n] -> int64 [n]. `what`
/// names them in the UserError for scores that are not finite, or all equal (n > 1): any order
/// would do then.
at::Tensor descending_order(const at::Tensor& scores, const std::string& what);

}  // namespace assay::subnetwork
