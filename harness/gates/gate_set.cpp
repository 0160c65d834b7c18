#include "harness/gates/gate_set.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>

#include <functional>

#include "harness/gates/hard_concrete.h"

namespace assay::gates {
namespace {

/// Each gate's value -> another one.
using Change = std::function<at::Tensor(const at::Tensor&)>;

GateSet changed(const GateSet& set, const Change& grouped, const Change& alone) {
  return {.attention = alone(set.attention),
          .heads = grouped(set.heads),
          .ffn = alone(set.ffn),
          .neurons = grouped(set.neurons),
          .width = set.width.defined() ? grouped(set.width) : at::Tensor()};
}

}  // namespace

GateSet start_logits(const GateShape& shape, bool with_width, at::Generator generator) {
  const auto start = [&](at::IntArrayRef sizes, double mean) {
    at::Tensor logits = at::empty(sizes, at::kFloat).normal_(mean, kStartDeviation, generator);
    return logits.requires_grad_(true);
  };
  GateSet set{.attention = start({shape.layers}, kStartOpen),
              .heads = start({shape.layers, shape.heads}, kStartOpen),
              .ffn = start({shape.layers}, kStartOpen),
              .neurons = start({shape.layers, shape.neurons}, kStartNeurons),
              .width = {}};
  if (with_width) set.width = start({shape.width}, kStartOpen);
  return set;
}

GateSet sampled(const GateSet& logits, at::Generator generator) {
  const Change draw = [&](const at::Tensor& of) {
    const at::Tensor uniform = at::empty(of.sizes(), of.options().requires_grad(false))
                                   .uniform_(kEpsilon, 1 - kEpsilon, generator);
    return sampled_gates(of, uniform);
  };
  return changed(logits, draw, draw);
}

GateSet open_probabilities(const GateSet& logits) {
  return changed(logits, open_probability, open_probability);
}

GateSet settled(const GateSet& logits) { return changed(logits, settled_gates, settled_alone); }

}  // namespace assay::gates
