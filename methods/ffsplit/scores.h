#pragma once
// Which neurons are heavy hitters.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "harness/method/neuron_statistics.h"
#include "methods/ffsplit/settings.h"

namespace assay::ffsplit {

/// Scores f64 [neurons], on the CPU; larger is heavier. With A = the neuron's activations over the
/// tokens and v = its row of the down projection (down_norm f64 [neurons] holds ||v||):
/// ||A|| ||v|| (= ||A v||_F, the change of the block's output without the neuron), ||A||, mean |A|,
/// or how often |A| is among the largest of a token.
at::Tensor score_neurons(ScoreMode mode, const NeuronStatistics& statistics,
                         const at::Tensor& down_norm);

/// The `count` largest, as ascending indices, int64 [count]. Of equal scores the first win.
at::Tensor heaviest(const at::Tensor& scores, std::int64_t count);
/// Indices of 0 ... neurons - 1 that are not in `chosen` (ascending).
at::Tensor all_but(const at::Tensor& chosen, std::int64_t neurons);

/// |a and b| / |a or b| of two index sets; 1 when both are empty.
double jaccard(const at::Tensor& a, const at::Tensor& b);

/// Heavy hitters of one layer of `neurons`: p rounded, then up to a multiple of `align`.
std::int64_t aligned_count(double wanted, std::int64_t neurons, std::int64_t align);

/// How many of each layer's neurons are among the largest p of all layers' neurons.
std::vector<std::int64_t> global_counts(const std::vector<at::Tensor>& scores, double p,
                                        std::int64_t align);

}  // namespace assay::ffsplit
