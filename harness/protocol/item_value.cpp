#include "harness/protocol/item_value.h"

namespace assay {

std::optional<double> item_value(const ItemScore& item, const std::string& name) {
  if (name == "correct")
    return item.correct ? std::optional(*item.correct ? 1.0 : 0.0) : std::nullopt;
  if (name == "score") return item.score;
  if (name == "nll") return item.nll;
  if (name == "kld") return item.kld;
  if (name == "nll_per_token") {
    if (!item.nll || item.tokens < 1) return std::nullopt;
    return *item.nll / static_cast<double>(item.tokens);
  }
  const auto own = item.values.find(name);
  return own == item.values.end() ? std::nullopt : std::optional(own->second);
}

}  // namespace assay
