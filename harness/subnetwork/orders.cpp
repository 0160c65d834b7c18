#include "harness/subnetwork/orders.h"

#include <ATen/ops/argsort.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/tensor.h>
#include <fmt/format.h>

#include <algorithm>

#include "harness/base/errors.h"
#include "harness/model/slicing.h"

namespace assay::subnetwork {
namespace {

constexpr const char* kPrefix = "order/";

std::string order_name(std::int64_t layer, const char* what) {
  return fmt::format("{}layer.{}.{}", kPrefix, layer, what);
}

/// The tensors "order/layer.N.<what>" that are there, by N.
std::map<std::int64_t, at::Tensor> of_layers(const std::map<std::string, at::Tensor>& tensors,
                                             const char* what) {
  std::map<std::int64_t, at::Tensor> found;
  const std::string begin = std::string(kPrefix) + "layer.", end = std::string(".") + what;
  for (const auto& [name, tensor] : tensors) {
    if (!name.starts_with(begin) || !name.ends_with(end)) continue;
    const std::string number = name.substr(begin.size(), name.size() - begin.size() - end.size());
    found[std::stoll(number)] = tensor;
  }
  return found;
}

using Units = std::vector<std::int64_t>;

/// Where the chosen units of an order were, as they are chosen. An order that is missing moved
/// none.
Units places_of(const Units& units, const at::Tensor& order) {
  if (!order.defined()) return units;
  const auto* place = order.const_data_ptr<std::int64_t>();
  Units places;
  for (const std::int64_t unit : units) places.push_back(place[unit]);
  return places;
}

Units ascending(Units units) {
  std::sort(units.begin(), units.end());
  return units;
}

/// The order that puts units from these places into ascending ones.
at::Tensor sorting(const Units& places) { return at::tensor(places, at::kLong).argsort(); }

at::Tensor of_layer(const std::map<std::int64_t, at::Tensor>& orders, std::int64_t layer) {
  const auto found = orders.find(layer);
  return found == orders.end() ? at::Tensor() : found->second;
}

}  // namespace

SubNetwork in_model_order(const SubNetwork& part, const Orders& orders) {
  SubNetwork original = part;
  original.dimensions = ascending(places_of(part.dimensions, orders.width));
  for (LayerPart& layer : original.layers) {
    layer.groups = ascending(places_of(layer.groups, of_layer(orders.groups, layer.layer)));
    layer.neurons = ascending(places_of(layer.neurons, of_layer(orders.neurons, layer.layer)));
  }
  return original;
}

void restore_order(Model& extracted, const SubNetwork& part, const Orders& orders) {
  for (std::size_t i = 0; i < part.layers.size(); ++i) {
    const LayerPart& layer = part.layers[i];
    const auto here = static_cast<std::int64_t>(i);
    const at::Tensor neurons = of_layer(orders.neurons, layer.layer);
    const at::Tensor groups = of_layer(orders.groups, layer.layer);
    if (neurons.defined() && !layer.neurons.empty()) {
      order_neurons(extracted, here, sorting(places_of(layer.neurons, neurons)));
    }
    if (groups.defined() && !layer.groups.empty()) {
      order_head_groups(extracted, here, sorting(places_of(layer.groups, groups)));
    }
  }
  if (orders.width.defined()) {
    order_width(extracted, sorting(places_of(part.dimensions, orders.width)));
  }
}

void apply_orders(Model& model, const Orders& orders) {
  for (const auto& [layer, order] : orders.neurons) order_neurons(model, layer, order);
  for (const auto& [layer, order] : orders.groups) order_head_groups(model, layer, order);
  if (orders.width.defined()) order_width(model, orders.width);
}

std::map<std::string, at::Tensor> to_tensors(const Orders& orders) {
  std::map<std::string, at::Tensor> tensors;
  for (const auto& [layer, order] : orders.neurons) tensors[order_name(layer, "neurons")] = order;
  for (const auto& [layer, order] : orders.groups) tensors[order_name(layer, "groups")] = order;
  if (orders.width.defined()) tensors[std::string(kPrefix) + "width"] = orders.width;
  tensors[std::string(kPrefix) + "layers"] = at::tensor(orders.layers, at::kLong);
  return tensors;
}

Orders orders_from_tensors(const std::map<std::string, at::Tensor>& tensors) {
  Orders orders;
  orders.neurons = of_layers(tensors, "neurons");
  orders.groups = of_layers(tensors, "groups");
  const auto width = tensors.find(std::string(kPrefix) + "width");
  if (width != tensors.end()) orders.width = width->second;
  const auto layers = tensors.find(std::string(kPrefix) + "layers");
  if (layers != tensors.end()) {
    const auto* data = layers->second.const_data_ptr<std::int64_t>();
    orders.layers.assign(data, data + layers->second.numel());
  }
  return orders;
}

at::Tensor descending_order(const at::Tensor& scores, const std::string& what) {
  if (!at::isfinite(scores).all().item<bool>()) {
    throw UserError(what +
                    ": the importance of some is NaN or infinite, so they cannot be put "
                    "into an order; look for NaN in the checkpoint");
  }
  if (scores.numel() > 1 && scores.eq(scores[0]).all().item<bool>()) {
    throw UserError(what +
                    ": all are equally important to the calibration text, so any order "
                    "would do; calibrate on other text, or set sort = 'none'");
  }
  return at::argsort(scores, /*stable=*/true, /*dim=*/0, /*descending=*/true);
}

}  // namespace assay::subnetwork
