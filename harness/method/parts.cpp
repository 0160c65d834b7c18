#include "harness/method/parts.h"

namespace assay {

ParamSpec parts_param() {
  ParamSpec spec;
  spec.name = "parts";
  spec.type = ParamType::kChoice;
  spec.default_value = "all";
  spec.choices = {"all", "ffn", "attention"};
  spec.help = "Matrices that are pruned: all of a layer's, or those of one of its two blocks";
  return spec;
}

bool in_parts(const Params& params, Slot slot) {
  const std::string parts = params.get_text("parts");
  if (parts == "all") return true;
  const bool ffn = slot == Slot::kGate || slot == Slot::kUp || slot == Slot::kDown;
  return ffn == (parts == "ffn");
}

}  // namespace assay
