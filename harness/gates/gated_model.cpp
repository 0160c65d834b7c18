#include "harness/gates/gated_model.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/nonzero.h>

#include <string>
#include <vector>

#include "harness/base/cell_errors.h"
#include "harness/model/slicing.h"
#include "harness/subnetwork/extract.h"

namespace assay::gates {
namespace {

std::vector<std::int64_t> open_units(const at::Tensor& gates) {
  const at::Tensor open = at::nonzero(gates.detach().gt(0)).view(-1).cpu();
  const auto* data = open.const_data_ptr<std::int64_t>();
  return {data, data + open.numel()};
}

bool is_open(const at::Tensor& gate) { return gate.detach().item<double>() > 0; }

/// What a slot's weight and bias are multiplied with.
struct Factors {
  at::Tensor columns;  ///< [in]
  at::Tensor all;      ///< []
};

Factors factors_of(const ModelSpec& spec, const GateSet& gates, const ParameterId& id) {
  const std::int64_t l = id.layer;
  if (id.slot == Slot::kO) {
    return {gates.heads[l].repeat_interleave(spec.layer(l).head_dim), gates.attention[l]};
  }
  return {gates.neurons[l], gates.ffn[l]};
}

at::Tensor folded(const at::Tensor& tensor, const ParameterId& id, const Factors& factors) {
  return id.bias ? tensor * factors.all : tensor * factors.columns * factors.all;
}

void fold(Model& model, const GateSet& gates) {
  const ModelSpec& spec = model.spec();
  model.visit_tensors([&](const std::string& name, at::Tensor& tensor) {
    const auto id = parameter_from_name(name);
    if (!id || id->layer < 0 || (id->slot != Slot::kO && id->slot != Slot::kDown)) return;
    tensor = folded(tensor, *id, factors_of(spec, gates, *id));
  });
  if (gates.width.defined()) scale_width(model, gates.width);
}

std::vector<std::int64_t> open_dimensions(const ModelSpec& spec, const GateSet& gates) {
  if (!gates.width.defined()) return subnetwork::first_units(spec.width);
  std::vector<std::int64_t> open = open_units(gates.width);
  if (!open.empty()) return open;
  return {gates.width.detach().argmax().item<std::int64_t>()};
}

}  // namespace

GateShape gate_shape(const ModelSpec& spec) {
  const LayerShape& shape = spec.layer(0);
  for (std::int64_t l = 0; l < spec.layers; ++l) {
    if (spec.layer(l) == shape) continue;
    throw DoesNotApply("gates need layers of one shape, and those of this model differ");
  }
  if (!shape.has_attention || !shape.has_ffn || shape.heads != shape.kv_heads) {
    throw DoesNotApply(
        "gates need layers with attention and FFN whose heads have keys and values of their own");
  }
  return {
      .layers = spec.layers, .heads = shape.heads, .width = spec.width, .neurons = shape.ffn_width};
}

subnetwork::SubNetwork open_network(const ModelSpec& spec, const GateSet& gates) {
  subnetwork::SubNetwork network{.dimensions = open_dimensions(spec, gates), .layers = {}};
  for (std::int64_t l = 0; l < spec.layers; ++l) {
    subnetwork::LayerPart part{.layer = l, .groups = {}, .neurons = {}};
    if (is_open(gates.attention[l])) part.groups = open_units(gates.heads[l]);
    if (is_open(gates.ffn[l])) part.neurons = open_units(gates.neurons[l]);
    if (!part.groups.empty() || !part.neurons.empty()) network.layers.push_back(std::move(part));
  }
  if (!network.layers.empty()) return network;
  const std::int64_t head = gates.heads[0].detach().argmax().item<std::int64_t>();
  network.layers.push_back({.layer = 0, .groups = {head}, .neurons = {}});
  return network;
}

Model gated_model(const Model& model, const GateSet& gates) {
  return gated_model(model, gates, open_network(model.spec(), gates));
}

Model gated_model(const Model& model, const GateSet& gates, const subnetwork::SubNetwork& network) {
  Model gated = model.share();
  fold(gated, gates);
  subnetwork::extract(gated, network);
  return gated;
}

}  // namespace assay::gates
