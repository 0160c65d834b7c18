#include "harness/method/neuron_statistics.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/bincount.h>
#include <ATen/ops/topk.h>
#include <ATen/ops/zeros.h>

#include <stdexcept>
#include <string>
#include <tuple>

#include "harness/base/errors.h"

namespace assay {

void NeuronStatistics::add(const at::Tensor& activations, const at::Tensor& counted) {
  at::Tensor rows = activations.to(at::kFloat);
  if (counted.defined()) rows = rows.index({counted});
  if (!square_sum_.defined()) {
    square_sum_ = at::zeros({rows.size(1)}, rows.options().dtype(at::kDouble));
    abs_sum_ = square_sum_.clone();
    top_count_ = square_sum_.clone();
  }
  tokens_ += rows.size(0);
  square_sum_.add_(rows.to(at::kDouble).square_().sum(0));
  const at::Tensor size = rows.abs();
  abs_sum_.add_(size.sum(0, /*keepdim=*/false, at::kDouble));
  if (top_ == 0 || rows.size(0) == 0) return;
  const at::Tensor largest = std::get<1>(at::topk(size, top_, 1, true, /*sorted=*/false));
  top_count_.add_(at::bincount(largest.flatten(), {}, rows.size(1)));
}

void NeuronStatistics::require_tokens() const {
  if (tokens_ > 0) return;
  throw UserError(
      "no token of the calibration text is left to count; use longer samples, or leave out fewer "
      "first tokens");
}

at::Tensor NeuronStatistics::norm() const {
  require_tokens();
  return square_sum_.sqrt().cpu();
}

at::Tensor NeuronStatistics::mean_abs() const {
  require_tokens();
  return abs_sum_.div(tokens_).cpu();
}

at::Tensor NeuronStatistics::top_frequency() const {
  require_tokens();
  return top_count_.div(tokens_).cpu();
}

void FfnRecorder::record(std::int64_t, Tap tap, const at::Tensor& rows, const StepContext& step) {
  if (tap != Tap::kFfnInput && tap != Tap::kDownInput) return;
  at::Tensor counted;
  if (options_.first_tokens > 0) counted = step.positions.ge(options_.first_tokens);
  if (tap == Tap::kDownInput) neurons_.add(rows, counted);
  if (!options_.with_gram) return;
  inputs_[tap].add(counted.defined() ? rows.index({counted}) : rows, step.batch, true);
}

const InputStatistics& FfnRecorder::input_of(Slot slot) const {
  const auto found = inputs_.find(input_tap(slot));
  if (found == inputs_.end()) {
    throw std::logic_error(std::string("no second moments recorded for ") + slot_name(slot));
  }
  return found->second;
}

}  // namespace assay
