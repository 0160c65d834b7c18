#include "harness/subnetwork/extract.h"

#include <ATen/ops/tensor.h>

#include "harness/model/slicing.h"

namespace assay::subnetwork {
namespace {

at::Tensor indices(const std::vector<std::int64_t>& units) { return at::tensor(units, at::kLong); }

void cut_layer(Model& model, const LayerPart& part) {
  const LayerShape shape = model.spec().layer(part.layer);
  if (part.groups.empty()) {
    if (shape.has_attention) drop_attention(model, part.layer);
  } else if (std::ssize(part.groups) < shape.kv_heads) {
    keep_head_groups(model, part.layer, indices(part.groups));
  }
  if (part.neurons.empty()) {
    if (shape.has_ffn) drop_ffn(model, part.layer);
  } else if (std::ssize(part.neurons) < shape.ffn_width) {
    keep_neurons(model, part.layer, indices(part.neurons));
  }
}

void drop_others(Model& model, const SubNetwork& part) {
  auto kept = part.layers.rbegin();
  for (std::int64_t l = model.layer_count() - 1; l >= 0; --l) {
    if (kept != part.layers.rend() && kept->layer == l) {
      ++kept;
    } else {
      model.drop_layer(l);
    }
  }
}

}  // namespace

void extract(Model& model, const SubNetwork& part) {
  require_part_of(model.spec(), part);
  for (const LayerPart& layer : part.layers) cut_layer(model, layer);
  drop_others(model, part);
  if (std::ssize(part.dimensions) < model.spec().width) {
    keep_width(model, indices(part.dimensions));
  }
}

}  // namespace assay::subnetwork
