#include "harness/subnetwork/space.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "harness/base/errors.h"
#include "harness/subnetwork/counters.h"

namespace assay::subnetwork {
namespace {

using Values = std::vector<std::int64_t>;
using search::Axis;

/// most / steps, 2 most / steps, ..., most; each once, at least 1.
Values equal_steps(std::int64_t most, std::int64_t steps) {
  Values values;
  for (std::int64_t i = 1; i <= steps; ++i) {
    const std::int64_t value = std::max<std::int64_t>(1, (most * i + steps / 2) / steps);
    if (values.empty() || value > values.back()) values.push_back(value);
  }
  return values;
}

Values one_to(std::int64_t most) { return equal_steps(most, most); }

void require_within(const Values& values, std::int64_t most, const char* parameter) {
  const bool ascending =
      std::adjacent_find(values.begin(), values.end(), std::greater_equal<>()) == values.end();
  if (ascending && values.front() >= 1 && values.back() <= most) return;
  throw UserError(fmt::format("{} = [{}]: this model has {}; name ascending numbers from 1 to {}",
                              parameter, fmt::join(values, ", "), most, most));
}

Values given_or(const Values& given, const Values& usual, const char* parameter) {
  if (given.empty()) return usual;
  require_within(given, usual.back(), parameter);
  return given;
}

/// The shape of every layer; UserError where they differ.
const LayerShape& shape_of_all(const ModelSpec& spec) {
  for (std::int64_t l = 1; l < spec.layers; ++l) {
    if (spec.layer(l) == spec.layer(0)) continue;
    throw UserError(
        "the layers of this model differ in shape, and space = 'small' gives all of them one "
        "size; set space = 'medium'");
  }
  return spec.layer(0);
}

/// Groups that may stay: all of them in a model whose heads are not apart.
Values group_choices(const ModelSpec& spec, const LayerShape& shape, const Values& given) {
  if (!why_heads_stay(spec).empty()) {
    return given_or(given.empty() ? Values{shape.kv_heads} : given, {shape.kv_heads}, "groups");
  }
  return given_or(given, one_to(shape.kv_heads), "groups");
}

std::vector<Axis> axes_of_one_size(const ModelSpec& spec, const SpaceSettings& s) {
  const LayerShape& shape = shape_of_all(spec);
  Values widths = s.widths.empty() ? Values{spec.width} : s.widths;
  require_within(widths, spec.width, "widths");
  return {{"depth", given_or(s.depths, one_to(spec.layers), "depths")},
          {"groups", group_choices(spec, shape, s.groups)},
          {"neurons", given_or(s.neurons, equal_steps(shape.ffn_width, s.steps), "neurons")},
          {"width", std::move(widths)}};
}

Values with_zero(Values values) {
  values.insert(values.begin(), 0);
  return values;
}

std::vector<Axis> axes_of_each_layer(const ModelSpec& spec, const SpaceSettings& s) {
  std::vector<Axis> axes;
  for (std::int64_t l = 0; l < spec.layers; ++l) {
    const LayerShape& shape = spec.layer(l);
    axes.push_back(
        {fmt::format("layer.{}.groups", l),
         with_zero(shape.has_attention ? group_choices(spec, shape, s.groups) : Values{})});
    axes.push_back(
        {fmt::format("layer.{}.neurons", l),
         with_zero(shape.has_ffn
                       ? given_or(s.neurons, equal_steps(shape.ffn_width, s.steps), "neurons")
                       : Values{})});
  }
  return axes;
}

Axis bit(std::string name) { return {std::move(name), {0, 1}}; }

std::vector<Axis> axes_of_layers(const ModelSpec& spec) {
  std::vector<Axis> axes;
  for (std::int64_t l = 0; l < spec.layers; ++l) axes.push_back(bit(fmt::format("layer.{}", l)));
  return axes;
}

std::vector<Axis> axes_of_sub_layers(const ModelSpec& spec) {
  std::vector<Axis> axes;
  for (std::int64_t l = 0; l < spec.layers; ++l) {
    axes.push_back(bit(fmt::format("layer.{}.attention", l)));
    axes.push_back(bit(fmt::format("layer.{}.ffn", l)));
  }
  return axes;
}

std::vector<Axis> axes_of_units(const ModelSpec& spec) {
  std::vector<Axis> axes;
  for (std::int64_t l = 0; l < spec.layers; ++l) {
    const LayerShape& shape = spec.layer(l);
    // Heads that are not apart go together.
    const std::int64_t groups = !why_heads_stay(spec).empty() ? 1 : shape.kv_heads;
    for (std::int64_t g = 0; shape.has_attention && g < groups; ++g) {
      axes.push_back(bit(fmt::format("layer.{}.group.{}", l, g)));
    }
    for (std::int64_t n = 0; shape.has_ffn && n < shape.ffn_width; ++n) {
      axes.push_back(bit(fmt::format("layer.{}.neuron.{}", l, n)));
    }
  }
  return axes;
}

std::vector<Axis> axes_of(const ModelSpec& spec, const SpaceSettings& settings) {
  switch (settings.kind) {
    case SpaceKind::kSmall:
      return axes_of_one_size(spec, settings);
    case SpaceKind::kMedium:
      return axes_of_each_layer(spec, settings);
    case SpaceKind::kLayer:
      return axes_of_layers(spec);
    case SpaceKind::kFullLayer:
      return axes_of_sub_layers(spec);
    case SpaceKind::kLarge:
      break;
  }
  return axes_of_units(spec);
}

}  // namespace

NetworkSpace::NetworkSpace(const ModelSpec& spec, const SpaceSettings& settings,
                           std::vector<std::int64_t> layers)
    : spec_(spec), settings_(settings), layers_(std::move(layers)), whole_(amount(spec)) {
  space_.axes = axes_of(spec, settings);
  space_.size = [this](const search::Point& point) {
    return amount(spec_of_part(spec_, network(point))) / whole_;
  };
  search::require_space(space_);
}

double NetworkSpace::amount(const ModelSpec& spec) const {
  switch (settings_.size) {
    case SizeMetric::kParameters:
      return static_cast<double>(parameter_count(spec));
    case SizeMetric::kLayerParameters:
      return static_cast<double>(layer_parameter_count(spec));
    case SizeMetric::kLatency:
      return settings_.latency(spec_, spec);
    case SizeMetric::kMacs:
      break;
  }
  return static_cast<double>(macs(spec, settings_.tokens));
}

SubNetwork NetworkSpace::network(const search::Point& point) const {
  const Values values = search::values_of(space_, point);
  if (settings_.kind == SpaceKind::kSmall) return of_one_size(values);
  SubNetwork part = settings_.kind == SpaceKind::kLarge ? of_bits(values) : of_each_layer(values);
  std::erase_if(part.layers, [](const LayerPart& layer) {
    return layer.groups.empty() && layer.neurons.empty();
  });
  if (part.layers.empty()) part.layers = {least_layer()};
  return part;
}

LayerPart NetworkSpace::least_layer() const {
  const auto layer = static_cast<std::size_t>(layers_.empty() ? 0 : layers_.front());
  LayerPart whole = whole_network(spec_).layers.at(layer);
  if (settings_.kind == SpaceKind::kLayer) return whole;
  if (settings_.kind == SpaceKind::kFullLayer) {
    if (!whole.groups.empty()) whole.neurons.clear();
    return whole;
  }
  const bool counts = settings_.kind == SpaceKind::kMedium;
  const auto least = [&](std::size_t axis) {
    const Values& values = space_.axes.at(axis).values;
    return counts && values.size() > 1 ? values[1] : std::int64_t{1};
  };
  const std::int64_t groups =
      !why_heads_stay(spec_).empty() ? std::ssize(whole.groups) : least(2 * layer);
  whole.groups.resize(static_cast<std::size_t>(std::min(groups, std::ssize(whole.groups))));
  whole.neurons.resize(
      static_cast<std::size_t>(std::min(least(2 * layer + 1), std::ssize(whole.neurons))));
  return whole;
}

SubNetwork NetworkSpace::of_one_size(const Values& values) const {
  const std::int64_t depth = values[0];
  Values kept = layers_.empty() ? first_units(spec_.layers) : layers_;
  kept.resize(static_cast<std::size_t>(depth));
  std::sort(kept.begin(), kept.end());
  SubNetwork part{.dimensions = first_units(values[3]), .layers = {}};
  const LayerShape& shape = spec_.layer(0);
  for (const std::int64_t layer : kept) {
    part.layers.push_back({.layer = layer,
                           .groups = first_units(shape.has_attention ? values[1] : 0),
                           .neurons = first_units(shape.has_ffn ? values[2] : 0)});
  }
  return part;
}

SubNetwork NetworkSpace::of_each_layer(const Values& values) const {
  SubNetwork part = whole_network(spec_);
  const bool pairs = settings_.kind != SpaceKind::kLayer;
  const bool counts = settings_.kind == SpaceKind::kMedium;
  for (std::size_t l = 0; l < part.layers.size(); ++l) {
    LayerPart& layer = part.layers[l];
    const std::int64_t groups = pairs ? values[2 * l] : values[l];
    const std::int64_t neurons = pairs ? values[2 * l + 1] : values[l];
    layer.groups.resize(
        static_cast<std::size_t>(counts ? groups : groups * std::ssize(layer.groups)));
    layer.neurons.resize(
        static_cast<std::size_t>(counts ? neurons : neurons * std::ssize(layer.neurons)));
  }
  return part;
}

SubNetwork NetworkSpace::of_bits(const Values& values) const {
  SubNetwork part = whole_network(spec_);
  auto value = values.begin();
  const bool together = !why_heads_stay(spec_).empty();
  for (LayerPart& layer : part.layers) {
    if (together && !layer.groups.empty()) {
      if (*value++ == 0) layer.groups.clear();
    } else {
      std::erase_if(layer.groups, [&](std::int64_t) { return *value++ == 0; });
    }
    std::erase_if(layer.neurons, [&](std::int64_t) { return *value++ == 0; });
  }
  return part;
}

double NetworkSpace::floor() const { return space_.size(search::smallest_point(space_)); }

}  // namespace assay::subnetwork
