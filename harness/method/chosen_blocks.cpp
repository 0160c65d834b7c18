#include "harness/method/chosen_blocks.h"

#include <utility>

#include "harness/base/param_makers.h"

namespace assay {

ParamSpec blocks_param(std::string help) {
  return formerly(choice_param("blocks", {"all", "ffn", "attention"}, std::move(help)), {"parts"});
}

bool in_blocks(const Params& params, const SlotPlace& place) {
  const std::string blocks = params.get_text("blocks");
  if (blocks == "all") return true;
  return is_ffn_slot(place.slot) == (blocks == "ffn");
}

}  // namespace assay
