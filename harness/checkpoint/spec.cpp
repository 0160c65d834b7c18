#include "harness/checkpoint/spec.h"

namespace assay {
namespace {

const char* activation_name(ActivationKind kind) {
  switch (kind) {
    case ActivationKind::kSilu:
      return "silu";
    case ActivationKind::kRelu:
      return "relu";
    case ActivationKind::kGelu:
      return "gelu";
    case ActivationKind::kGeluTanh:
      return "gelu_tanh";
  }
  return "";
}

const char* position_name(PositionKind kind) {
  switch (kind) {
    case PositionKind::kRotary:
      return "rotary";
    case PositionKind::kLearned:
      return "learned";
    case PositionKind::kAlibi:
      return "alibi";
  }
  return "";
}

}  // namespace

std::int64_t window_of(const ModelSpec& spec, std::int64_t layer) {
  return spec.layer_windows.empty() ? 0 : spec.layer_windows.at(static_cast<std::size_t>(layer));
}

Json traits(const ModelSpec& spec) {
  return {{"family", spec.family},
          {"layers", spec.layers},
          {"width", spec.width},
          {"heads", spec.heads},
          {"vocab", spec.vocab},
          {"max_positions", spec.max_positions},
          {"positions", position_name(spec.positions)},
          {"tied_head", spec.tied_head},
          {"parallel_residual", spec.parallel_residual},
          {"ffn.gated", spec.ffn_gated},
          {"ffn.activation", activation_name(spec.activation)},
          {"ffn.width", spec.ffn_width},
          {"attention.kv_heads", spec.kv_heads},
          {"attention.head_dim", spec.head_dim}};
}

}  // namespace assay
