#include "harness/subnetwork/network_artefact.h"

#include <ATen/ops/tensor.h>
#include <fmt/format.h>

#include <string>
#include <vector>

#include "harness/method/masks.h"
#include "harness/subnetwork/extract.h"

namespace assay::subnetwork {
namespace {

using Units = std::vector<std::int64_t>;

constexpr const char* kLayers = "layers";
constexpr const char* kDimensions = "dimensions";
constexpr const char* kHeadGroups = ".head_groups";
constexpr const char* kNeurons = ".neurons";

std::string name_of(std::int64_t layer, const char* what) {
  return fmt::format("layer.{}{}", layer, what);
}

void add_unless_whole(Artefact& artefact, const std::string& name, const Units& kept,
                      const Units& all) {
  if (kept != all) artefact.tensors[name] = at::tensor(kept, at::kLong);
}

void replace_if_stored(const Artefact& artefact, const std::string& name, Units& units) {
  const auto found = artefact.tensors.find(name);
  if (found == artefact.tensors.end()) return;
  const auto* data = found->second.const_data_ptr<std::int64_t>();
  units.assign(data, data + found->second.numel());
}

bool says_what_stays(const std::string& name) {
  return name == kDimensions || name.ends_with(kNeurons) || name.ends_with(kHeadGroups);
}

}  // namespace

Artefact to_artefact(const ModelSpec& spec, const SubNetwork& network) {
  const SubNetwork whole = whole_network(spec);
  Artefact artefact;
  for (const LayerPart& layer : network.layers) {
    const LayerPart& all = whole.layers.at(static_cast<std::size_t>(layer.layer));
    add_unless_whole(artefact, name_of(layer.layer, kHeadGroups), layer.groups, all.groups);
    add_unless_whole(artefact, name_of(layer.layer, kNeurons), layer.neurons, all.neurons);
  }
  add_unless_whole(artefact, kDimensions, network.dimensions, whole.dimensions);
  artefact.plan[kLayers] = layer_numbers(network);
  return artefact;
}

SubNetwork network_of(const ModelSpec& spec, const Artefact& artefact) {
  const SubNetwork whole = whole_network(spec);
  SubNetwork network{.dimensions = whole.dimensions, .layers = {}};
  replace_if_stored(artefact, kDimensions, network.dimensions);
  for (const auto layer : artefact.plan.at(kLayers).get<Units>()) {
    LayerPart part = whole.layers.at(static_cast<std::size_t>(layer));
    replace_if_stored(artefact, name_of(layer, kHeadGroups), part.groups);
    replace_if_stored(artefact, name_of(layer, kNeurons), part.neurons);
    network.layers.push_back(std::move(part));
  }
  return network;
}

void apply_network(Model& model, const Artefact& artefact) {
  extract(model, network_of(model.spec(), artefact));
  Artefact weights;
  for (const auto& [name, tensor] : artefact.tensors) {
    if (!says_what_stays(name)) weights.tensors[name] = tensor;
  }
  apply_pruned_weights(model, weights);
}

}  // namespace assay::subnetwork
