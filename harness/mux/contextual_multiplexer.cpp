#include "harness/mux/contextual_multiplexer.h"

#include <ATen/TensorOperators.h>

namespace assay::mux {
namespace {

/// bool [groups, N, length] -> [groups * N, length]; undefined stays undefined.
at::Tensor seen_along(const at::Tensor& real) { return real.defined() ? real.flatten(0, 1) : real; }

/// -> [groups * length, N]. Somebody has to be seen.
at::Tensor seen_across(const at::Tensor& real) {
  if (!real.defined()) return real;
  const at::Tensor nobody = real.any(1, /*keepdim=*/true).logical_not();
  return (real | nobody).transpose(1, 2).flatten(0, 1);
}

/// rows and what a layer makes of them, added.
at::Tensor with_context(const Layer& layer, const at::Tensor& rows, const PaddedBatch& batch) {
  return pass_padded(layer, rows, batch) + rows;
}

}  // namespace

at::Tensor ContextualMultiplexer::mix(const at::Tensor& instances) const {
  return mix_in(instances, {});
}

at::Tensor ContextualMultiplexer::mix_in(const at::Tensor& instances,
                                         const MixingPass& pass) const {
  const std::int64_t groups = instances.size(0), count = instances.size(1);
  const std::int64_t length = instances.size(2), width = instances.size(3);
  const PaddedBatch sequences{.sequences = groups * count,
                              .length = length,
                              .seen = seen_along(pass.real),
                              .hidden_dropout = pass.hidden_dropout,
                              .attention_dropout = pass.attention_dropout};
  const at::Tensor told = with_context(tensors_.along, instances.reshape({-1, width}), sequences);
  const at::Tensor keyed = told.view({groups, count, length, width}) * tensors_.keys.unsqueeze(1);
  const PaddedBatch positions{.sequences = groups * length,
                              .length = count,
                              .seen = seen_across(pass.real),
                              .hidden_dropout = pass.hidden_dropout,
                              .attention_dropout = pass.attention_dropout};
  const at::Tensor met =
      with_context(tensors_.across, keyed.transpose(1, 2).reshape({-1, width}), positions);
  return met.view({groups, length, count, width}).mean(2);
}

std::int64_t ContextualMultiplexer::macs() const {
  const std::int64_t flops =
      tensors_.along.cost().flops_per_token + tensors_.across.cost().flops_per_token;
  return tensors_.keys.numel() + instances() * flops / 2;
}

void ContextualMultiplexer::visit_tensors(const VisitTensor& visit) {
  visit("keys", tensors_.keys);
  tensors_.along.visit_tensors(visit_part(visit, "along."));
  tensors_.across.visit_tensors(visit_part(visit, "across."));
}

std::unique_ptr<Multiplexer> ContextualMultiplexer::share() const {
  return std::make_unique<ContextualMultiplexer>(
      ContextualMuxTensors{tensors_.keys, tensors_.along.share(), tensors_.across.share()});
}

}  // namespace assay::mux
