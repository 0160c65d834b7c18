#include "harness/subnetwork/orders.h"

#include <ATen/ops/argsort.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/tensor.h>
#include <fmt/format.h>

#include "harness/base/errors.h"
#include "harness/model/slicing.h"

namespace assay::subnetwork {
namespace {

constexpr const char* kPrefix = "order/";

std::string name_of(std::int64_t layer, const char* what) {
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

}  // namespace

void apply_orders(Model& model, const Orders& orders) {
  for (const auto& [layer, order] : orders.neurons) order_neurons(model, layer, order);
  for (const auto& [layer, order] : orders.groups) order_head_groups(model, layer, order);
  if (orders.width.defined()) order_width(model, orders.width);
}

std::map<std::string, at::Tensor> to_tensors(const Orders& orders) {
  std::map<std::string, at::Tensor> tensors;
  for (const auto& [layer, order] : orders.neurons) tensors[name_of(layer, "neurons")] = order;
  for (const auto& [layer, order] : orders.groups) tensors[name_of(layer, "groups")] = order;
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
