#include "harness/mux/rev_mux_input.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "harness/model/layer_pass.h"
#include "harness/mux/masked_layer.h"
#include "harness/mux/step_sequences.h"

namespace assay::mux {
namespace {

/// int64 [sequences, longest]
at::Tensor padded_with(const std::vector<at::Tensor>& sequences, std::int64_t pad) {
  at::Tensor padded =
      at::full({std::ssize(sequences), longest_of(sequences)}, pad, sequences.front().options());
  for (std::int64_t i = 0; i < padded.size(0); ++i) {
    const at::Tensor& sequence = sequences[static_cast<std::size_t>(i)];
    padded[i].narrow(0, 0, sequence.size(0)).copy_(sequence);
  }
  return padded;
}

/// bool [sequences, longest]; undefined where all are as long as the longest.
at::Tensor real_of(const std::vector<at::Tensor>& sequences) {
  const std::int64_t longest = longest_of(sequences);
  std::vector<std::int64_t> ends;
  ends.reserve(sequences.size());
  for (const at::Tensor& sequence : sequences) ends.push_back(sequence.size(0));
  if (std::ranges::all_of(ends, [&](std::int64_t end) { return end == longest; })) return {};
  const at::Tensor end = at::tensor(ends, at::kLong).unsqueeze(1);
  return at::arange(longest, at::kLong).lt(end).to(sequences.front().device());
}

}  // namespace

MixingInput::Batch RevMuxInput::batch_of(std::int64_t sequences, std::int64_t longest) const {
  return {.sequences = (sequences + instances() - 1) / instances(), .length = longest};
}

RevMuxInput::Padded RevMuxInput::padded(const at::Tensor& tokens, const StepContext& step) const {
  if (step.visibility.segments == nullptr) return {tokens.view({step.batch, step.tokens}), {}, {}};
  const std::vector<at::Tensor> sequences = sequences_of(tokens, step);
  Padded batch{padded_with(sequences, form_.pad_token), {}, real_of(sequences)};
  if (step.token_types.defined()) {
    batch.token_types = padded_with(sequences_of(step.token_types, step), 0);
  }
  return batch;
}

at::Tensor RevMuxInput::projected(const Padded& batch, StepContext& step) const {
  const std::int64_t sequences = batch.tokens.size(0), length = batch.tokens.size(1);
  set_uniform(step, sequences, length);
  if (batch.token_types.defined()) step.token_types = batch.token_types.view(-1);
  const PaddedBatch form{.sequences = sequences,
                         .length = length,
                         .seen = batch.real,
                         .hidden_dropout = step.hidden_dropout,
                         .attention_dropout = step.attention_dropout};
  at::Tensor rows = drop_hidden(parts_.embedding.forward(batch.tokens.view(-1), step), step);
  for (const Layer& layer : parts_.unmixed) rows = pass_padded(layer, rows, form);
  return parts_.down.forward(rows).view({sequences, length, -1});
}

at::Tensor RevMuxInput::in_groups(const at::Tensor& of_sequences) const {
  const std::int64_t given = of_sequences.size(0), count = instances();
  const std::int64_t groups = (given + count - 1) / count;
  at::Tensor filled = of_sequences;
  if (given % count != 0) {
    const auto members = at::TensorOptions(at::kLong).device(of_sequences.device());
    filled = of_sequences.index_select(0, at::arange(groups * count, members).remainder(given));
  }
  return filled.unflatten(0, {groups, count});
}

at::Tensor RevMuxInput::forward(const at::Tensor& tokens, StepContext& step) const {
  const Padded batch = padded(tokens, step);
  const at::Tensor parts = in_groups(projected(batch, step));
  if (watched_ != nullptr) {
    *watched_ = {parts, batch.real.defined() ? in_groups(batch.real) : at::Tensor()};
  }
  const std::int64_t part = parts.size(3);
  std::vector<at::Tensor> instances;
  for (const at::Tensor& one : parts.unbind(1)) instances.push_back(one.reshape({-1, part}));
  const at::Tensor mixed = parts_.chain->chain().mix(instances, step.hidden_dropout);
  set_uniform(step, parts.size(0), parts.size(2));
  return form_.places_twice ? parts_.embedding.placed(mixed, step) : mixed;
}

void RevMuxInput::visit_tensors(const VisitTensor& visit) {
  parts_.embedding.visit_tensors(visit);
  for (std::size_t i = 0; i < parts_.unmixed.size(); ++i) {
    parts_.unmixed[i].visit_tensors(visit_part(visit, fmt::format("{}{}.", kUnmixedLayers, i)));
  }
  parts_.down.visit_tensors(visit_part(visit, "rev.down."));
  parts_.chain->chain().visit_tensors(visit_part(visit, "rev.chain."));
}

Cost RevMuxInput::cost() const {
  Cost cost = parts_.embedding.cost();
  for (const Layer& layer : parts_.unmixed) cost += layer.cost();
  cost += parts_.down.cost();
  Cost chain = parts_.chain->chain().cost();
  chain.flops_per_token /= instances();
  cost += chain;
  return cost;
}

std::unique_ptr<Input> RevMuxInput::share() const {
  std::vector<Layer> unmixed;
  for (const Layer& layer : parts_.unmixed) unmixed.push_back(layer.share());
  return std::make_unique<RevMuxInput>(RevMuxParts{parts_.embedding, std::move(unmixed),
                                                   parts_.down, parts_.chain->twin_for_input()},
                                       form_);
}

}  // namespace assay::mux
