#include "harness/checkpoint/model_size.h"

#include <functional>
#include <numeric>
#include <vector>

#include "harness/checkpoint/slot.h"

namespace assay {
namespace {

constexpr std::int64_t kMultiplyAndAdd = 2;

std::int64_t elements(const std::vector<std::int64_t>& shape) {
  return std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
}

/// A classifier reads a row a sequence.
bool works_on_every_token(const ModelSpec& spec, Slot slot) {
  if (slot_info(slot).kind != SlotKind::kLinear) return false;
  return spec.output == OutputKind::kVocabulary || (slot != Slot::kPooler && slot != Slot::kHead);
}

}  // namespace

ModelSize model_size(const ModelSpec& spec) {
  ModelSize size;
  for (const ParameterShape& parameter : parameter_shapes(spec)) {
    const std::int64_t count = elements(parameter.shape);
    size.parameters += count;
    if (!works_on_every_token(spec, parameter.id.slot)) continue;
    const bool taken = parameter.id.expert < spec.experts_per_token;  // as many as a token takes
    if (taken) size.flops_per_token += parameter.id.bias ? count : kMultiplyAndAdd * count;
  }
  if (spec.output == OutputKind::kVocabulary && spec.tied_head) {
    size.flops_per_token += kMultiplyAndAdd * spec.vocab * spec.embedding_width;
  }
  return size;
}

}  // namespace assay
