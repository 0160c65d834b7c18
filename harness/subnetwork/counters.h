#pragma once
// How large a model of a shape is, without building it.

#include <cstdint>

#include "harness/checkpoint/spec.h"

namespace assay::subnetwork {

/// Of all tensors; a tied head is the embedding. Equals Cost::params of such a model.
std::int64_t parameter_count(const ModelSpec& spec);
/// Of the layers alone, their norms included.
std::int64_t layer_parameter_count(const ModelSpec& spec);

/// Multiplications and additions, a pair each, of a sequence of `tokens` in the layers: every
/// matrix once a token, and `tokens`^2 products of a query with a key and of a weight with a value
/// in each head (a causal mask saves none of them).
/// With S tokens and a head of d of H dimensions: 3 S H d + 2 S^2 d + S d H a head, 2 S H a plain
/// neuron (Klein et al. 2024, arXiv:2405.02267, section 3); key and value heads are counted once a
/// group, a gated neuron is 3 S H.
std::int64_t layer_macs(const ModelSpec& spec, std::int64_t tokens);
/// The same with the output: of a vocabulary for every token, of a classifier for one.
std::int64_t macs(const ModelSpec& spec, std::int64_t tokens);

}  // namespace assay::subnetwork
