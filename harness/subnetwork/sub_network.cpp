#include "harness/subnetwork/sub_network.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "harness/base/errors.h"

namespace assay::subnetwork {
namespace {

using Units = std::vector<std::int64_t>;

void require_units(const Units& units, std::int64_t count, std::int64_t layer, const char* what) {
  const bool ascending =
      std::adjacent_find(units.begin(), units.end(), std::greater_equal<>()) == units.end();
  if (ascending && (units.empty() || (units.front() >= 0 && units.back() < count))) return;
  throw UserError(fmt::format("layer {} has {} {}; a part of it names some of them, ascending",
                              layer, count, what));
}

void require_layer(const ModelSpec& spec, const LayerPart& part) {
  const LayerShape& shape = spec.layer(part.layer);
  const std::int64_t groups = shape.has_attention ? shape.kv_heads : 0;
  require_units(part.groups, groups, part.layer, "groups of heads");
  require_units(part.neurons, shape.has_ffn ? shape.ffn_width : 0, part.layer, "neurons");
  const auto kept = std::ssize(part.groups);
  const std::string why = why_heads_stay(spec);
  if (!why.empty() && kept != 0 && kept != groups) {
    throw UserError(
        fmt::format("layer {}: {}, so attention stays whole or goes whole", part.layer, why));
  }
}

Json units_json(const Units& units) {
  const bool leading = units == first_units(std::ssize(units));
  return leading ? Json(std::ssize(units)) : Json(units);
}

}  // namespace

std::vector<std::int64_t> first_units(std::int64_t count) {
  Units units(static_cast<std::size_t>(count));
  std::iota(units.begin(), units.end(), 0);
  return units;
}

SubNetwork whole_network(const ModelSpec& spec) {
  SubNetwork whole{.dimensions = first_units(spec.width), .layers = {}};
  for (std::int64_t l = 0; l < spec.layers; ++l) {
    const LayerShape& shape = spec.layer(l);
    whole.layers.push_back({.layer = l,
                            .groups = first_units(shape.has_attention ? shape.kv_heads : 0),
                            .neurons = first_units(shape.has_ffn ? shape.ffn_width : 0)});
  }
  return whole;
}

std::vector<std::int64_t> layer_numbers(const SubNetwork& part) {
  std::vector<std::int64_t> numbers;
  for (const LayerPart& layer : part.layers) numbers.push_back(layer.layer);
  return numbers;
}

void require_part_of(const ModelSpec& spec, const SubNetwork& part) {
  Units layers;
  for (const LayerPart& layer : part.layers) layers.push_back(layer.layer);
  const bool ascending =
      std::adjacent_find(layers.begin(), layers.end(), std::greater_equal<>()) == layers.end();
  if (layers.empty() || !ascending || layers.front() < 0 || layers.back() >= spec.layers) {
    throw UserError(
        fmt::format("the model has {} layers; a part of it names at least one of them, ascending",
                    spec.layers));
  }
  for (const LayerPart& layer : part.layers) {
    require_layer(spec, layer);
    if (!layer.groups.empty() || !layer.neurons.empty()) continue;
    throw UserError(fmt::format("layer {} is named, and nothing of it stays", layer.layer));
  }
  const Units& kept = part.dimensions;
  const bool rising =
      std::adjacent_find(kept.begin(), kept.end(), std::greater_equal<>()) == kept.end();
  if (kept.empty() || !rising || kept.front() < 0 || kept.back() >= spec.width) {
    throw UserError(
        fmt::format("the model's width is {}; a part of it names at least one dimension, ascending",
                    spec.width));
  }
}

ModelSpec spec_of_part(const ModelSpec& spec, const SubNetwork& part) {
  ModelSpec result = spec;
  const std::int64_t width = std::ssize(part.dimensions);
  if (spec.embedding_width == spec.width) result.embedding_width = width;
  result.width = width;
  result.layer_shapes.clear();
  std::vector<std::int64_t> kept;
  for (const LayerPart& layer : part.layers) kept.push_back(layer.layer);
  keep_layers(result, kept);
  for (const LayerPart& layer : part.layers) {
    LayerShape shape = spec.layer(layer.layer);
    shape.has_attention = !layer.groups.empty();
    shape.has_ffn = !layer.neurons.empty();
    const std::int64_t queries = shape.heads / shape.kv_heads;
    if (shape.has_attention) shape.kv_heads = std::ssize(layer.groups);
    shape.heads = queries * shape.kv_heads;
    if (shape.has_ffn) shape.ffn_width = std::ssize(layer.neurons);
    result.layer_shapes.push_back(shape);
  }
  return result;
}

Json to_json(const SubNetwork& part) {
  Json layers = Json::array();
  for (const LayerPart& layer : part.layers) {
    layers.push_back({{"layer", layer.layer},
                      {"groups", units_json(layer.groups)},
                      {"neurons", units_json(layer.neurons)}});
  }
  return {{"dimensions", units_json(part.dimensions)}, {"layers", std::move(layers)}};
}

}  // namespace assay::subnetwork
