#include "harness/model/added_bias.h"

#include <ATen/ops/zeros.h>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>

namespace assay {
namespace {

/// Whether the slots that share a flag with this one have biases.
bool& bias_flag(ModelSpec& spec, Slot slot) {
  switch (slot) {
    case Slot::kQ:
      return spec.qkv_bias;
    case Slot::kO:
      return spec.attention_out_bias;
    case Slot::kUp:
      return spec.ffn_bias;
    case Slot::kDown:
      return spec.ffn_out_bias;
    default:
      throw std::logic_error(std::string("biases are added to q, o, up or down, not to ") +
                             slot_name(slot));
  }
}

}  // namespace

void add_bias(ModelSpec& spec, std::vector<Layer>& layers, Slot slot) {
  bool& flag = bias_flag(spec, slot);
  if (flag) return;
  flag = true;
  const bool of_q = slot == Slot::kQ, of_gate = slot == Slot::kUp;
  const std::vector<Slot> slots = of_q      ? std::vector<Slot>{Slot::kQ, Slot::kK, Slot::kV}
                                  : of_gate ? std::vector<Slot>{Slot::kGate, Slot::kUp}
                                            : std::vector<Slot>{slot};
  for (Layer& layer : layers) {
    for (const SlotPlace& place : layer.places()) {
      if (std::find(slots.begin(), slots.end(), place.slot) == slots.end()) continue;
      const at::Tensor weight = layer.dense(place).weight();
      layer.replace_linear(place, std::make_unique<DenseLinear>(
                                      weight, at::zeros({weight.size(0)}, weight.options())));
    }
    layer.fuse();
  }
}

}  // namespace assay
