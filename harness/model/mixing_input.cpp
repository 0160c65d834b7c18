#include "harness/model/mixing_input.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/tensor.h>

#include <algorithm>

namespace assay {

bool mixes_sequences(const Input& input) {
  return dynamic_cast<const MixingInput*>(&input) != nullptr;
}

std::int64_t instances_of(const Input& input) {
  const auto* mixing = dynamic_cast<const MixingInput*>(&input);
  return mixing == nullptr ? 1 : mixing->instances();
}

bool mixes_sequences(const Model& model) { return mixes_sequences(model.input()); }

at::Tensor wanted_of(const Input& input, const StepContext& step, const at::Tensor& wanted) {
  const auto* mixing = dynamic_cast<const MixingInput*>(&input);
  if (!wanted.defined() || mixing == nullptr) return wanted;
  const at::TensorOptions options = step.positions.options();
  const at::Tensor first = at::arange(0, step.batch * step.tokens, step.tokens, options);
  return (first.unsqueeze(1) + at::arange(mixing->rows_read(), options)).view(-1);
}

std::vector<std::int64_t> output_rows(const Model& model, const PackedTokens& packed) {
  std::vector<std::int64_t> rows;
  const auto* mixing = dynamic_cast<const MixingInput*>(&model.input());
  if (mixing == nullptr) {
    for (const Segment& segment : packed.segments) rows.push_back(segment.offset);
    return rows;
  }
  std::int64_t longest = 0;
  for (const Segment& segment : packed.segments) longest = std::max(longest, segment.length);
  const MixingInput::Batch batch = mixing->batch_of(std::ssize(packed.segments), longest);
  for (std::int64_t i = 0; i < batch.sequences; ++i) {
    for (std::int64_t r = 0; r < mixing->rows_read(); ++r) rows.push_back(i * batch.length + r);
  }
  return rows;
}

at::Tensor output_input(const Model& model, const at::Tensor& rows, const PackedTokens& packed) {
  const at::Tensor read = at::tensor(output_rows(model, packed), at::kLong).to(rows.device());
  return rows.index_select(0, read);
}

bool is_mixing_key(const Parameter& parameter) {
  return parameter.name == "mux.keys" || parameter.name == "mux.matrices";
}

}  // namespace assay
