#include "harness/checkpoint/binding.h"

#include <algorithm>

namespace assay {

std::vector<std::int64_t> rows_shape(const ModelSpec& spec, const SlotList& slots,
                                     std::int64_t layer, bool bias) {
  std::vector<std::int64_t> shape = shape_of(spec, {layer, slots.front(), bias});
  shape.front() = 0;
  for (const Slot slot : slots) shape.front() += shape_of(spec, {layer, slot, bias}).front();
  return shape;
}

std::vector<std::int64_t> stored_shape(const ModelSpec& spec, const SlotList& slots,
                                       std::int64_t layer, bool bias, TensorLayout layout) {
  std::vector<std::int64_t> shape = rows_shape(spec, slots, layer, bias);
  if (layout == TensorLayout::kTransposed) std::reverse(shape.begin(), shape.end());
  return shape;
}

}  // namespace assay
