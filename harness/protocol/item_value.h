#pragma once
// The values of one item, by the names that metrics declare.

#include <optional>
#include <string>

#include "harness/protocol/protocol.h"

namespace assay {

/// `name` is "correct" (0 or 1), "score", "nll", "nll_per_token", "kld", or one of
/// ItemScore::values. Nothing when the item has no such value.
std::optional<double> item_value(const ItemScore& item, const std::string& name);

}  // namespace assay
