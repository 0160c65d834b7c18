#include "harness/gates/gate_sizes.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/full.h>

#include <algorithm>
#include <numeric>

#include "harness/gates/hard_concrete.h"

namespace assay::gates {
namespace {

std::vector<std::int64_t> open_by_layer(const at::Tensor& of_layers, const at::Tensor& units) {
  const at::Tensor open = units.gt(0).sum(1) * of_layers.gt(0);
  std::vector<std::int64_t> counts;
  for (std::int64_t l = 0; l < open.size(0); ++l) counts.push_back(open[l].item<std::int64_t>());
  return counts;
}

std::int64_t sum(const std::vector<std::int64_t>& counts) {
  return std::accumulate(counts.begin(), counts.end(), std::int64_t{0});
}

std::int64_t present(const std::vector<std::int64_t>& counts) {
  return std::count_if(counts.begin(), counts.end(), [](std::int64_t n) { return n > 0; });
}

}  // namespace

std::int64_t attention_parameters(const GateShape& shape) {
  return 4 * shape.width * shape.width + 4 * shape.width;
}

std::int64_t ffn_parameters(const GateShape& shape) {
  return 2 * shape.width * shape.neurons + 5 * shape.width;
}

std::int64_t prunable_parameters(const GateShape& shape) {
  return shape.layers * (attention_parameters(shape) + ffn_parameters(shape));
}

std::int64_t exact_parameters(const GateShape& shape) {
  return shape.layers * (attention_parameters(shape) + 2 * shape.width * shape.neurons +
                         shape.neurons + shape.width);
}

at::Tensor expected_parameters(const GateShape& shape, const GateSet& probabilities) {
  const at::Tensor heads = probabilities.heads * probabilities.attention.unsqueeze(1);
  const at::Tensor neurons = probabilities.neurons * probabilities.ffn.unsqueeze(1);
  const std::int64_t of_head = attention_parameters(shape) / shape.heads;
  if (!probabilities.width.defined()) {
    return heads.sum() * of_head + neurons.sum() * (ffn_parameters(shape) / shape.neurons);
  }
  const at::Tensor width = probabilities.width.sum();
  const double of_head_and_dimension =
      static_cast<double>(of_head) / static_cast<double>(shape.width);
  return heads.sum() * width * of_head_and_dimension + neurons.sum() * width * 2;
}

at::Tensor expected_sparsity(const GateShape& shape, const GateSet& probabilities) {
  return 1 - expected_parameters(shape, probabilities) /
                 static_cast<double>(prunable_parameters(shape));
}

SparsityRange reachable_sparsity(const GateShape& shape, bool with_width) {
  const auto expected_at = [&](double logit) {
    const auto all = [&](at::IntArrayRef sizes) { return at::full(sizes, logit); };
    const GateSet logits{.attention = all({shape.layers}),
                         .heads = all({shape.layers, shape.heads}),
                         .ffn = all({shape.layers}),
                         .neurons = all({shape.layers, shape.neurons}),
                         .width = with_width ? all({shape.width}) : at::Tensor()};
    return expected_sparsity(shape, open_probabilities(logits)).item<double>();
  };
  const KeptUnits smallest{.width = with_width ? 1 : shape.width, .heads = {1}, .neurons = {}};
  const double of_smallest = 1 - static_cast<double>(remaining_weights(shape, smallest)) /
                                     static_cast<double>(prunable_parameters(shape));
  return {expected_at(kLargestLogit), std::min(expected_at(kSmallestLogit), of_smallest)};
}

KeptUnits kept_units(const GateShape& shape, const GateSet& gates) {
  return {
      .width = gates.width.defined() ? gates.width.gt(0).sum().item<std::int64_t>() : shape.width,
      .heads = open_by_layer(gates.attention, gates.heads),
      .neurons = open_by_layer(gates.ffn, gates.neurons)};
}

std::int64_t remaining_weights(const GateShape& shape, const KeptUnits& kept) {
  const std::int64_t head_width = shape.width / shape.heads;
  return kept.width * (sum(kept.heads) * 4 * head_width + sum(kept.neurons) * 2);
}

std::int64_t remaining_parameters(const GateShape& shape, const KeptUnits& kept) {
  const std::int64_t head_width = shape.width / shape.heads;
  const std::int64_t biases = sum(kept.heads) * 3 * head_width + sum(kept.neurons) +
                              kept.width * (present(kept.heads) + present(kept.neurons));
  return remaining_weights(shape, kept) + biases;
}

}  // namespace assay::gates
