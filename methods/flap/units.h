#pragma once
// What may be taken out of a model, what each piece is worth, and which ones go.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "harness/model/model.h"

namespace assay::flap {

/// Neurons that every layer keeps, if it has as many; of head groups it keeps one.
inline constexpr std::int64_t kFewestNeurons = 8;

/// One of a layer's two blocks, as units of equal size: groups of heads that share a key/value
/// head, or neurons.
struct UnitBlock {
  std::int64_t layer = 0;
  Slot reader = Slot::kO;  ///< the matrix that reads the units: kO or kDown
  std::int64_t units = 0;
  std::int64_t channels = 1;     ///< of the reader's input, a unit
  std::int64_t unit_params = 0;  ///< a unit's weights and biases in all matrices of the block
  std::int64_t fewest = 1;       ///< units that stay in any case
  at::Tensor scores;             ///< f64 [units]: the lowest go first
};

enum class Blocks { kAll, kFfn, kAttention };

/// The blocks of all layers, in order, without scores.
std::vector<UnitBlock> unit_blocks(const Model& model, Blocks blocks);

/// The paper's metric (WIFV): variance of each input channel times the squared norm of the weight's
/// column. weight f32 [out, in], variance f64 [in] -> f64 [in].
at::Tensor fluctuation(const at::Tensor& weight, const at::Tensor& variance);

/// Scores of a block's units: the metric of its channels (squared for attention, as published),
/// less its mean and over its standard deviation within the block, averaged over a unit's channels.
at::Tensor unit_scores(const UnitBlock& block, const at::Tensor& metric);

/// Ascending indices of the units that go; one list a block.
using Removed = std::vector<at::Tensor>;

/// One order over all blocks: as many of the lowest as bring the removed parameters nearest to
/// `ratio` of all. A block at its fewest units is passed over.
Removed remove_lowest_of_all(const std::vector<UnitBlock>& blocks, double ratio);

/// The same share of every block's units, to the nearest whole unit.
Removed remove_lowest_of_each(const std::vector<UnitBlock>& blocks, double ratio);

/// Share of the blocks' parameters that goes.
double removed_share(const std::vector<UnitBlock>& blocks, const Removed& removed);

/// How far an allocation may be from its ratio as long as no block is at its fewest units: half a
/// unit of every block, as a share of all parameters.
double rounding_share(const std::vector<UnitBlock>& blocks);

/// The units of a block that are not removed; ascending.
at::Tensor kept_units(const UnitBlock& block, const at::Tensor& removed);

/// Input channels of the reader that units take; ascending.
at::Tensor channels_of(const UnitBlock& block, const at::Tensor& units);

}  // namespace assay::flap
