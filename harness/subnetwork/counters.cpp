#include "harness/subnetwork/counters.h"

#include <functional>
#include <numeric>

#include "harness/checkpoint/slot.h"

namespace assay::subnetwork {
namespace {

std::int64_t elements(const ParameterShape& parameter) {
  return std::accumulate(parameter.shape.begin(), parameter.shape.end(), std::int64_t{1},
                         std::multiplies<>());
}

template <typename Counted>
std::int64_t sum_of(const ModelSpec& spec, Counted counted) {
  std::int64_t sum = 0;
  for (const ParameterShape& parameter : parameter_shapes(spec)) {
    if (counted(parameter.id)) sum += elements(parameter);
  }
  return sum;
}

bool is_matrix(const ParameterId& id) {
  return !id.bias && slot_info(id.slot).kind == SlotKind::kLinear;
}

std::int64_t attention_macs(const ModelSpec& spec, std::int64_t tokens) {
  std::int64_t sum = 0;
  for (std::int64_t l = 0; l < spec.layers; ++l) {
    const LayerShape& layer = spec.layer(l);
    if (layer.has_attention) sum += 2 * tokens * tokens * layer.heads * layer.head_dim;
  }
  return sum;
}

std::int64_t output_macs(const ModelSpec& spec, std::int64_t tokens) {
  const std::int64_t rows = spec.output == OutputKind::kVocabulary ? tokens : 1;
  const std::int64_t tied = spec.output == OutputKind::kVocabulary && spec.tied_head
                                ? spec.vocab * spec.embedding_width
                                : 0;
  return rows * (tied + sum_of(spec, [](const ParameterId& id) {
                   return id.layer < 0 && is_matrix(id) &&
                          slot_info(id.slot).owner == SlotOwner::kOutput;
                 }));
}

}  // namespace

std::int64_t parameter_count(const ModelSpec& spec) {
  return sum_of(spec, [](const ParameterId&) { return true; });
}

std::int64_t layer_parameter_count(const ModelSpec& spec) {
  return sum_of(spec, [](const ParameterId& id) { return id.layer >= 0; });
}

std::int64_t layer_macs(const ModelSpec& spec, std::int64_t tokens) {
  const std::int64_t matrices =
      sum_of(spec, [](const ParameterId& id) { return id.layer >= 0 && is_matrix(id); });
  return tokens * matrices + attention_macs(spec, tokens);
}

std::int64_t macs(const ModelSpec& spec, std::int64_t tokens) {
  return layer_macs(spec, tokens) + output_macs(spec, tokens);
}

}  // namespace assay::subnetwork
