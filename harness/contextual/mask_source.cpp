#include "harness/contextual/mask_source.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/ones.h>

#include "harness/base/cell_errors.h"
#include "harness/contextual/named_choice.h"
#include "harness/model/prompted_rows.h"

namespace assay {
namespace {

/// What a prompt chose for what follows it.
struct Held {
  at::Tensor masks;  ///< bool [batch, units]
};

at::Tensor everything(const StepContext& step, std::int64_t rows, std::int64_t units) {
  return at::ones({rows, units}, step.positions.options().dtype(at::kBool));
}

std::int64_t rows_of(const StepContext& step) { return step.batch * step.tokens; }

at::Tensor by_scored_prompt(const StepContext& step, std::int64_t units,
                            const std::function<at::Tensor()>& found) {
  at::Tensor masks = everything(step, rows_of(step), units);
  const std::vector<PromptedRows>& prompts = prompted_rows(step);
  if (prompts.empty()) return masks;
  const at::Tensor own = found();
  for (const PromptedRows& part : prompts) {
    const at::Tensor last = part.prompt.narrow(0, part.prompt.size(0) - 1, 1);
    const at::Tensor mask = own.index_select(0, last);
    masks.index_copy_(0, part.following, mask.expand({part.following.size(0), units}));
  }
  return masks;
}

at::Tensor by_cached_prompt(const void* block, const StepContext& step, std::int64_t units,
                            const std::function<at::Tensor()>& found) {
  if (step.sequence == nullptr) {
    throw DoesNotApply(
        "mask_source = 'prompt_last' chooses from a prompt, and blocks that are run alone have "
        "none");
  }
  Held& held = step.sequence->of<Held>(block);
  if (step.phase == Phase::kDecode && held.masks.defined()) return held.masks;
  const at::Tensor last = at::arange(1, step.batch + 1, step.positions.options().dtype(at::kLong))
                              .mul_(step.tokens)
                              .sub_(1);
  held.masks = found().index_select(0, last);
  return everything(step, rows_of(step), units);
}

[[noreturn]] void sees_the_future(const char* what) {
  throw DoesNotApply(std::string("mask_source = 'window_last' chooses from the last token of the "
                                 "whole text, and ") +
                     what + "; use 'per_token' or 'prompt_last'");
}

/// int64 [rows]: the last row of each row's text.
at::Tensor last_rows(const StepContext& step) {
  const auto options = step.positions.options().dtype(at::kLong);
  if (step.visibility.segments == nullptr) {
    const at::Tensor rows = at::arange(rows_of(step), options);
    return rows.div(step.tokens, "floor").add_(1).mul_(step.tokens).sub_(1);
  }
  at::Tensor last = at::arange(rows_of(step), options);
  for (const Segment& segment : *step.visibility.segments) {
    if (segment.mask.defined())
      sees_the_future(
          "answers that share a prompt have several (share_prompts = false runs each by itself)");
    last.narrow(0, segment.offset, segment.length).fill_(segment.offset + segment.length - 1);
  }
  return last;
}

}  // namespace

const std::vector<std::string>& mask_source_names() {
  static const std::vector<std::string> names{"per_token", "prompt_last", "window_last"};
  return names;
}

MaskSource mask_source_from_name(const std::string& name) {
  return named_choice<MaskSource>(mask_source_names(), name);
}

at::Tensor masks_by_source(MaskSource source, const void* block, const StepContext& step,
                           std::int64_t units, const std::function<at::Tensor()>& found) {
  switch (source) {
    case MaskSource::kPerToken:
      return found();
    case MaskSource::kPromptLast:
      return step.phase == Phase::kScore ? by_scored_prompt(step, units, found)
                                         : by_cached_prompt(block, step, units, found);
    case MaskSource::kWindowLast:
      break;
  }
  if (step.phase != Phase::kScore) sees_the_future("a text that is being generated has none");
  return found().index_select(0, last_rows(step));
}

}  // namespace assay
