#pragma once
// How much neurons, groups of heads and dimensions of the residual stream do on a text.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <map>

#include "harness/model/model.h"
#include "harness/subnetwork/orders.h"

namespace assay::subnetwork {

/// What of a neuron is looked at.
enum class NeuronValue {
  kProduct,  ///< what down gets: act(gate) * up, or act(up) in a plain block
  kGate,     ///< what the activation gets: of gate, or of up, as the released code has it
};
/// What is made of the values of all tokens.
enum class Aggregate {
  kMean,  ///< mean of the absolute values
  kNorm,  ///< square root of the sum of squares
};
/// Whether each layer has an order of its own, or the scores of all layers are summed for one that
/// all share, as the released code has it.
enum class OrderScope { kPerLayer, kGlobal };

/// Sums in f64, on the CPU. Groups: the value of a token is the norm of a head's context, averaged
/// over the heads that share a key/value head. Width: over the outputs of all norms in front of
/// sub-layers and of the final one; undefined where norms stand behind them.
struct Importance {
  std::map<std::int64_t, at::Tensor> neurons, groups;  ///< f64 [units], by layer
  at::Tensor width;                                    ///< f64 [width]
};

struct ImportanceSettings {
  NeuronValue neurons = NeuronValue::kProduct;
  Aggregate aggregate = Aggregate::kMean;
  std::int64_t batch_tokens = 4096;  ///< run at once, at least one sequence
};

/// One pass over tokens int64 [samples, length], which `progress` (may be empty) is told of.
Importance measure_importance(
    const Model& model, const at::Tensor& tokens, const ImportanceSettings& settings,
    const std::function<void(std::int64_t done, std::int64_t total)>& progress = {});

/// Orders of neurons, of groups (not of models with ALiBi, whose heads differ by their number) and,
/// where `with_width`, of dimensions; `layers` stays empty. Throws as descending_order() does, and
/// DoesNotApply for a global order of layers that differ in shape.
Orders orders_by(const Importance& importance, const ModelSpec& spec, OrderScope scope,
                 bool with_width);

}  // namespace assay::subnetwork
