#include "methods/flap/units.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/argsort.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <tuple>

namespace assay::flap {
namespace {

/// A block's parameters that a unit has its share of: the bias of the reader stays whole.
std::int64_t divided_params(const Layer& layer, Slot reader) {
  std::int64_t params = 0;
  for (const Slot slot : layer.slots()) {
    if (is_attention_slot(slot) != is_attention_slot(reader)) continue;
    const DenseLinear& linear = layer.dense(slot);
    params += linear.weight().numel();
    if (slot != reader && linear.bias().defined()) params += linear.bias().numel();
  }
  return params;
}

UnitBlock block_of(const Layer& layer, std::int64_t index, Slot reader, std::int64_t units) {
  UnitBlock block;
  block.layer = index;
  block.reader = reader;
  block.units = units;
  block.channels = layer.dense(reader).in_features() / units;
  block.unit_params = divided_params(layer, reader) / units;
  block.fewest = reader == Slot::kO ? 1 : std::min(kFewestNeurons, units);
  return block;
}

std::int64_t all_params(const std::vector<UnitBlock>& blocks) {
  return std::accumulate(blocks.begin(), blocks.end(), std::int64_t{0},
                         [](std::int64_t sum, const UnitBlock& block) {
                           return sum + block.units * block.unit_params;
                         });
}

struct Candidate {
  double score = 0;
  std::size_t block = 0;
  std::int64_t unit = 0;
};

/// Lowest score first; equal ones in the order of layers and units.
std::vector<Candidate> ranking(const std::vector<UnitBlock>& blocks) {
  std::vector<Candidate> all;
  for (std::size_t b = 0; b < blocks.size(); ++b) {
    const double* scores = blocks[b].scores.const_data_ptr<double>();
    for (std::int64_t u = 0; u < blocks[b].units; ++u) all.push_back({scores[u], b, u});
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const Candidate& x, const Candidate& y) { return x.score < y.score; });
  return all;
}

at::Tensor sorted_indices(std::vector<std::int64_t> indices) {
  std::sort(indices.begin(), indices.end());
  return at::tensor(indices, at::kLong);
}

}  // namespace

std::vector<UnitBlock> unit_blocks(const Model& model, Blocks blocks) {
  std::vector<UnitBlock> all;
  for (std::int64_t i = 0; i < model.layer_count(); ++i) {
    const Layer& layer = model.layers()[static_cast<std::size_t>(i)];
    const LayerShape& shape = model.spec().layer(i);
    if (shape.has_attention && blocks != Blocks::kFfn) {
      all.push_back(block_of(layer, i, Slot::kO, shape.kv_heads));
    }
    if (shape.has_ffn && blocks != Blocks::kAttention) {
      all.push_back(block_of(layer, i, Slot::kDown, shape.ffn_width));
    }
  }
  return all;
}

at::Tensor fluctuation(const at::Tensor& weight, const at::Tensor& variance) {
  return weight.square().sum(0, /*keepdim=*/false, at::kDouble).mul_(variance);
}

at::Tensor unit_scores(const UnitBlock& block, const at::Tensor& metric) {
  const at::Tensor channels = block.reader == Slot::kO ? metric.square() : metric;
  const at::Tensor deviation = channels.std();
  // Where all channels are worth the same, none comes before another.
  const at::Tensor standard = deviation.item<double>() == 0
                                  ? at::zeros_like(channels)
                                  : channels.sub(channels.mean()).div_(deviation);
  return standard.view({block.units, block.channels}).mean(1);
}

Removed remove_lowest_of_all(const std::vector<UnitBlock>& blocks, double ratio) {
  const double target = ratio * static_cast<double>(all_params(blocks));
  double gone = 0;
  std::vector<std::vector<std::int64_t>> removed(blocks.size());
  for (const Candidate& next : ranking(blocks)) {
    const UnitBlock& block = blocks[next.block];
    if (block.units - std::ssize(removed[next.block]) <= block.fewest) continue;
    const double then = gone + static_cast<double>(block.unit_params);
    if (then - target > target - gone) break;
    removed[next.block].push_back(next.unit);
    gone = then;
  }
  Removed result;
  for (std::vector<std::int64_t>& units : removed) result.push_back(sorted_indices(units));
  return result;
}

Removed remove_lowest_of_each(const std::vector<UnitBlock>& blocks, double ratio) {
  Removed result;
  for (const UnitBlock& block : blocks) {
    const std::int64_t wanted = std::llround(ratio * static_cast<double>(block.units));
    const at::Tensor order = at::argsort(block.scores, /*stable=*/true, /*dim=*/0, false);
    const at::Tensor lowest = order.narrow(0, 0, std::min(wanted, block.units - block.fewest));
    result.push_back(std::get<0>(lowest.sort()));
  }
  return result;
}

double removed_share(const std::vector<UnitBlock>& blocks, const Removed& removed) {
  std::int64_t gone = 0;
  for (std::size_t b = 0; b < blocks.size(); ++b) {
    gone += removed[b].size(0) * blocks[b].unit_params;
  }
  return static_cast<double>(gone) / static_cast<double>(all_params(blocks));
}

double rounding_share(const std::vector<UnitBlock>& blocks) {
  double params = 0;
  for (const UnitBlock& block : blocks) params += 0.5 * static_cast<double>(block.unit_params);
  return params / static_cast<double>(all_params(blocks));
}

at::Tensor kept_units(const UnitBlock& block, const at::Tensor& removed) {
  at::Tensor kept = at::ones({block.units}, at::TensorOptions().dtype(at::kBool));
  kept.index_fill_(0, removed, false);
  return kept.nonzero().squeeze(1);
}

at::Tensor channels_of(const UnitBlock& block, const at::Tensor& units) {
  return units.unsqueeze(1)
      .mul(block.channels)
      .add(at::arange(block.channels, units.options()))
      .flatten();
}

}  // namespace assay::flap
