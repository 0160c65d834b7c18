#include "harness/suite/generations.h"

#include <ATen/ops/cat.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "harness/base/clock.h"

namespace assay {

Generations::Generations(const Model& model, const at::Tensor& prompt, std::int64_t capacity)
    : model_(&model),
      prompt_(prompt),
      loop_(model, prompt.size(0), capacity),
      first_("decode/first_token_latency"),
      tokens_("decode/token_latency") {}

void Generations::run(std::int64_t steps, bool warmup) {
  std::vector<at::Tensor>& chosen = chosen_.emplace_back();
  std::vector<double> seconds;
  double start = monotonic_seconds();
  chosen.push_back(loop_.prefill(prompt_));
  first_.add(monotonic_seconds() - start, warmup);
  total_ += first_.samples().back().value;
  for (std::int64_t i = 0; i < steps; ++i) {
    at::Tensor* logits = drawn_.next();
    steps_.push_back({chosen_.size() - 1, chosen.size()});
    start = monotonic_seconds();
    chosen.push_back(loop_.step(chosen.back(), logits));
    seconds.push_back(monotonic_seconds() - start);
    tokens_.add(seconds.back(), warmup);
  }
  total_ += std::accumulate(seconds.begin(), seconds.end(), 0.0);
  if (!warmup) measured_.push_back(std::move(seconds));
}

std::optional<std::string> Generations::drift() const {
  std::vector<double> early, late;
  const std::size_t half = measured_.size() / 2;
  for (std::size_t i = 0; i < half; ++i) {
    const auto& one = measured_[i];
    const auto& other = measured_[measured_.size() - 1 - i];
    early.insert(early.end(), one.begin(), one.end());
    late.insert(late.end(), other.begin(), other.end());
  }
  return drift_between(early, late);
}

const at::Tensor& Generations::scored_rows(const std::vector<at::Tensor>& chosen) {
  std::vector<at::Tensor> parts = {prompt_};
  parts.insert(parts.end(), chosen.begin(), chosen.end() - 1);
  at::Tensor tokens = at::cat(parts, 1);
  for (const auto& [known, rows] : passes_) {
    const bool longer = known.size(1) >= tokens.size(1);
    if (longer && known.narrow(1, 0, tokens.size(1)).equal(tokens)) return rows;
  }
  at::Tensor rows =
      model_->hidden(tokens, nullptr, prompt_.size(1)).view({tokens.size(0), tokens.size(1), -1});
  return passes_.emplace_back(std::move(tokens), std::move(rows)).second;
}

at::Tensor Generations::scored_logits(const std::vector<at::Tensor>& chosen, std::size_t step) {
  const auto position = prompt_.size(1) - 1 + static_cast<std::int64_t>(step);
  return model_->logits(scored_rows(chosen).select(1, position).contiguous());
}

at::Tensor Generations::repeated_logits(const std::vector<at::Tensor>& chosen, std::size_t step) {
  at::Tensor logits;
  (void)loop_.prefill(prompt_, &logits);
  for (std::size_t i = 0; i < step; ++i) (void)loop_.step(chosen[i], &logits);
  return logits;
}

void Generations::require_scored(SuiteContext& context) {
  const c10::InferenceMode inference;
  const bool as_scored = model_->prefill_equals_decode() && !context.decides();
  auto drawn = drawn_.kept();
  const auto place = [this](const DrawnOutputs::Output& output) {
    return steps_[static_cast<std::size_t>(output.call)];
  };
  // The longest generation first: one pass over it serves all that chose the same tokens.
  std::stable_sort(drawn.begin(), drawn.end(), [&](const auto& a, const auto& b) {
    return chosen_[place(a).generation].size() > chosen_[place(b).generation].size();
  });
  for (const DrawnOutputs::Output& output : drawn) {
    const auto [generation, step] = place(output);
    const std::vector<at::Tensor>& chosen = chosen_[generation];
    const auto logits = [&, step = step] {
      return as_scored ? scored_logits(chosen, step) : repeated_logits(chosen, step);
    };
    const auto once_more = [&] {
      passes_.clear();
      at::Tensor again = logits();
      passes_.clear();
      return again;
    };
    context.require_same(output.values, logits(),
                         fmt::format("step {} of timed generation {}", step, generation),
                         once_more);
  }
  passes_.clear();
}

}  // namespace assay
