#include "harness/mux/mux_input.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "harness/base/cell_errors.h"
#include "harness/mux/step_sequences.h"

namespace assay::mux {

at::Tensor MuxInput::grouped_tokens(const PackedTokens& packed) const {
  StepContext step;
  step.visibility.segments = &packed.segments;
  return grouped(sequences_of(packed.tokens, step));
}

MixingInput::Batch MuxInput::batch_of(std::int64_t sequences, std::int64_t longest) const {
  const std::int64_t count = multiplexer_->instances();
  return {.sequences = form_.ensemble ? sequences : (sequences + count - 1) / count,
          .length = prefixed() + std::max(form_.length, longest)};
}

std::int64_t MuxInput::member(std::int64_t group, std::int64_t place, std::int64_t given) const {
  const std::int64_t count = multiplexer_->instances();
  if (!form_.ensemble) return (group * count + place) % given;
  return (group + count * given - place) %
         given;  // the first copy of a sequence is in its own group
}

at::Tensor MuxInput::grouped(const std::vector<at::Tensor>& sequences) const {
  const std::int64_t count = multiplexer_->instances();
  const auto given = std::ssize(sequences);
  const auto [groups, whole] = batch_of(given, longest_of(sequences));
  const std::int64_t length = whole - prefixed();
  at::Tensor padded =
      at::full({groups * count, length}, form_.pad_token, sequences.front().options());
  for (std::int64_t i = 0; i < groups * count; ++i) {
    const std::int64_t which = member(i / count, i % count, given);
    const at::Tensor& sequence = sequences[static_cast<std::size_t>(which)];
    padded[i].narrow(0, 0, sequence.size(0)).copy_(sequence);
  }
  return with_prefix(padded.view({groups, count, length}));
}

void MuxInput::require_room(std::int64_t tokens) const {
  if (!form_.prefix || form_.positions == 0 || prefixed() + tokens <= form_.positions) return;
  throw DoesNotApply(fmt::format(
      "a sequence of {} tokens behind a prefix of {} is longer than the {} positions of "
      "this model; cut sequences shorter",
      tokens, prefixed(), form_.positions));
}

at::Tensor MuxInput::with_prefix(const at::Tensor& tokens) const {
  if (!form_.prefix) return tokens;
  const std::int64_t groups = tokens.size(0), count = tokens.size(1);
  require_room(tokens.size(2));
  const at::Tensor prefix = prefix_rows(*form_.prefix, count).to(tokens.device());
  return at::cat({prefix.expand({groups, count, prefixed()}), tokens}, 2);
}

at::Tensor MuxInput::real_of(const std::vector<at::Tensor>& sequences) const {
  const std::int64_t count = multiplexer_->instances();
  const auto given = std::ssize(sequences);
  const Batch batch = batch_of(given, longest_of(sequences));
  std::vector<std::int64_t> ends;
  for (std::int64_t i = 0; i < batch.sequences * count; ++i) {
    const auto which = static_cast<std::size_t>(member(i / count, i % count, given));
    ends.push_back(prefixed() + sequences[which].size(0));
  }
  if (std::ranges::all_of(ends, [&](std::int64_t end) { return end == batch.length; })) return {};
  const at::Tensor end = at::tensor(ends, at::kLong).view({batch.sequences, count, 1});
  return at::arange(batch.length, at::kLong).lt(end).to(sequences.front().device());
}

MuxInput::Groups MuxInput::groups_of(const at::Tensor& tokens, const StepContext& step) const {
  if (fills(step)) {
    const std::int64_t count = multiplexer_->instances();
    return {with_prefix(tokens.view({step.batch / count, count, step.tokens})), {}};
  }
  const std::vector<at::Tensor> sequences = sequences_of(tokens, step);
  return {grouped(sequences), real_of(sequences)};
}

bool MuxInput::fills(const StepContext& step) const {
  return !form_.ensemble && step.visibility.segments == nullptr &&
         step.batch % multiplexer_->instances() == 0 && step.tokens >= form_.length;
}

at::Tensor MuxInput::forward(const at::Tensor& tokens, StepContext& step) const {
  const std::int64_t count = multiplexer_->instances();
  const auto [ids, real] = groups_of(tokens, step);
  const std::int64_t groups = ids.size(0), length = ids.size(2);
  set_uniform(step, groups * count, length);
  const at::Tensor rows = embedding_.forward(ids.view(-1), step);
  const MixingPass pass{.real = real,
                        .hidden_dropout = step.hidden_dropout,
                        .attention_dropout = step.attention_dropout};
  const at::Tensor mixed = multiplexer_->mix_in(rows.view({groups, count, length, -1}), pass)
                               .view({groups * length, -1});
  set_uniform(step, groups, length);
  return form_.places_twice ? embedding_.placed(mixed, step) : mixed;
}

void MuxInput::select_width(const at::Tensor& dimensions) {
  embedding_.select_width(dimensions);
  multiplexer_->select_width(dimensions);
}

void MuxInput::scale_width(const at::Tensor& factors) {
  embedding_.scale_width(factors);
  multiplexer_->scale_width(factors);
}

void MuxInput::visit_tensors(const VisitTensor& visit) {
  embedding_.visit_tensors(visit);
  multiplexer_->visit_tensors(visit_part(visit, "mux."));
}

Cost MuxInput::cost() const {
  Cost cost = embedding_.cost();
  const_cast<Multiplexer&>(*multiplexer_)
      .visit_tensors([&](const std::string&, at::Tensor& tensor) { cost += tensor_cost(tensor); });
  cost.flops_per_token += 2 * multiplexer_->macs() / multiplexer_->instances();
  return cost;
}

std::unique_ptr<Input> MuxInput::share() const {
  return std::make_unique<MuxInput>(embedding_, multiplexer_->share(), form_);
}

}  // namespace assay::mux
