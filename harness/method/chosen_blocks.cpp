#include "harness/method/chosen_blocks.h"

#include <utility>

#include "harness/base/param_makers.h"

namespace assay {

ParamSpec blocks_param(std::string help) {
  return formerly(choice_param("blocks", {"all", "ffn", "attention"}, std::move(help)), {"parts"});
}

bool in_blocks(const Params& params, Slot slot) {
  const std::string blocks = params.get_text("blocks");
  if (blocks == "all") return true;
  const bool ffn = slot == Slot::kGate || slot == Slot::kUp || slot == Slot::kDown;
  return ffn == (blocks == "ffn");
}

}  // namespace assay
