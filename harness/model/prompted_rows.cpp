#include "harness/model/prompted_rows.h"

#include <ATen/ops/tensor.h>

#include <cstdint>
#include <map>
#include <stdexcept>

#include "harness/base/cell_errors.h"

namespace assay {
namespace {

using Rows = std::vector<std::int64_t>;

/// What stands in the state of a pass.
struct Found {
  bool done = false;
  std::vector<PromptedRows> prompts;
};

/// Collects the rows of one sequence by the prompt that they see.
class Sequence {
 public:
  /// prompt: of all rows of the pass, on the CPU
  Sequence(const Segment& place, const bool* prompt)
      : place_(place),
        prompt_(prompt + place.offset),
        mask_(place.mask.defined() ? place.mask.cpu().contiguous() : at::Tensor()) {}

  [[nodiscard]] std::map<Rows, Rows> by_prompt() const {
    std::map<Rows, Rows> found;
    for (std::int64_t row = 0; row < place_.length; ++row) {
      if (!prompt_[row]) found[prompt_of(row)].push_back(place_.offset + row);
    }
    return found;
  }

 private:
  [[nodiscard]] Rows prompt_of(std::int64_t row) const {
    const bool* seen =
        mask_.defined() ? mask_.const_data_ptr<bool>() + row * place_.length : nullptr;
    Rows rows;
    for (std::int64_t i = 0; i < row; ++i) {
      if (prompt_[i] && (seen == nullptr || seen[i])) rows.push_back(place_.offset + i);
    }
    if (rows.empty()) throw DoesNotApply("a sequence begins with what should follow a prompt");
    return rows;
  }

  const Segment& place_;
  const bool* prompt_;
  at::Tensor mask_;
};

void require_prompts(const StepContext& step) {
  if (step.prompt.defined()) return;
  throw DoesNotApply(
      "this method computes what follows a prompt otherwise than the prompt, and the text that "
      "is run has none; for suites over windows set `prompt` to the tokens of a window that are "
      "given");
}

std::vector<PromptedRows> find(const StepContext& step) {
  const at::Tensor prompt = step.prompt.cpu().contiguous();
  const auto tensor = [&](const Rows& rows) {
    return at::tensor(rows, at::kLong).to(step.prompt.device());
  };
  std::vector<PromptedRows> prompts;
  for (const Segment& segment : sequences_of(step)) {
    for (const auto& [rows, following] :
         Sequence(segment, prompt.const_data_ptr<bool>()).by_prompt()) {
      prompts.push_back({tensor(rows), tensor(following)});
    }
  }
  return prompts;
}

}  // namespace

std::vector<Segment> sequences_of(const StepContext& step) {
  if (step.visibility.segments != nullptr) return *step.visibility.segments;
  std::vector<Segment> sequences;
  for (std::int64_t i = 0; i < step.batch; ++i) {
    sequences.push_back({i * step.tokens, step.tokens, {}});
  }
  return sequences;
}

const std::vector<PromptedRows>& prompted_rows(const StepContext& step) {
  require_prompts(step);  // a block that is run alone, as a fit may do, has neither
  if (step.state == nullptr) throw std::logic_error("a pass without a state has no prompts");
  static constexpr char kOwner = 0;
  Found& found = step.state->of<Found>(&kOwner);
  if (!found.done) found = {true, find(step)};
  return found.prompts;
}

}  // namespace assay
