#include "methods/flap/moments.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <stdexcept>
#include <string>

namespace assay::flap {
namespace {

/// Rows widened to f64 at once: bounds the memory that takes.
constexpr std::int64_t kRowsAtOnce = 512;

}  // namespace

void ChannelMoments::add(const at::Tensor& rows) {
  for (const at::Tensor& part : rows.split(kRowsAtOnce)) {
    if (part.size(0) > 0) add_part(part.to(at::kDouble));
  }
}

void ChannelMoments::add_part(const at::Tensor& rows) {
  if (!mean_.defined()) {
    mean_ = at::zeros({rows.size(1)}, rows.options());
    square_sum_ = at::zeros_like(mean_);
  }
  const auto before = static_cast<double>(rows_), count = static_cast<double>(rows.size(0));
  const at::Tensor mean = rows.mean(0);
  const at::Tensor shift = mean - mean_;
  square_sum_.add_((rows - mean).square_().sum(0));
  square_sum_.add_(shift.square().mul_(before * count / (before + count)));
  mean_.add_(shift.mul_(count / (before + count)));
  rows_ += rows.size(0);
}

void LayerMoments::record(std::int64_t, Tap tap, const at::Tensor& rows, const StepContext&) {
  if (tap == input_tap(Slot::kO) || tap == input_tap(Slot::kDown)) taps_[tap].add(rows);
}

const ChannelMoments& LayerMoments::input_of(Slot slot) const {
  const auto found = taps_.find(input_tap(slot));
  if (found == taps_.end()) {
    throw std::logic_error(std::string("no activations recorded for ") + slot_name(slot));
  }
  return found->second;
}

}  // namespace assay::flap
