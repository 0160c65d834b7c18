#pragma once
// Where a slot stands in a block's own list.

#include <algorithm>
#include <cstddef>
#include <iterator>

#include "harness/checkpoint/slot.h"

namespace assay {

/// Size of the list for a slot that is not in it.
template <std::size_t Size>
std::size_t index_in(const Slot (&slots)[Size], Slot slot) {
  const auto* found = std::find(std::begin(slots), std::end(slots), slot);
  return static_cast<std::size_t>(found - std::begin(slots));
}

}  // namespace assay
