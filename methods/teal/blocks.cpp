#include "methods/teal/blocks.h"

#include <fmt/format.h>

#include <memory>
#include <typeinfo>
#include <utility>

#include "harness/base/cell_errors.h"
#include "methods/teal/cats_ffn.h"
#include "methods/teal/teal_attention.h"
#include "methods/teal/teal_ffn.h"

namespace assay::teal {
namespace {

/// The matrices that read a place; of a plain block without the gate.
std::vector<Slot> slots_behind(const Layer& layer, Place place) {
  switch (place) {
    case Place::kQkv:
      return {Slot::kQ, Slot::kK, Slot::kV};
    case Place::kOut:
      return {Slot::kO};
    case Place::kDown:
      return {Slot::kDown};
    case Place::kGate:
      return {Slot::kUp, Slot::kDown};
    case Place::kFfn:
      break;
  }
  if (layer.find(Slot::kGate) == nullptr) return {Slot::kUp};
  return {Slot::kGate, Slot::kUp};
}

RoutingSite routing_site(Place place) {
  switch (place) {
    case Place::kQkv:
      return RoutingSite::kQkvInput;
    case Place::kOut:
      return RoutingSite::kOutInput;
    case Place::kFfn:
      return RoutingSite::kFfnInput;
    case Place::kDown:
      return RoutingSite::kDownInput;
    case Place::kGate:
      break;
  }
  return RoutingSite::kNeurons;
}

bool is_attention_place(Place place) { return place == Place::kQkv || place == Place::kOut; }

InputMajor matrices(const Layer& layer, const std::vector<Slot>& slots) {
  std::vector<InputMajor::Part> parts;
  for (const Slot slot : slots) {
    parts.push_back({slot, std::make_unique<DenseLinear>(layer.dense(slot))});
  }
  return InputMajor(std::move(parts));
}

SparseInput sparse_input(const Layer& layer, Place place, double threshold, bool dense_prompt) {
  InputMajor read = matrices(layer, slots_behind(layer, place));
  Threshold compare(routing_site(place), read.inputs(), threshold, dense_prompt,
                    layer.dense(slots_behind(layer, place).front()).weight());
  return {std::move(read), std::move(compare)};
}

void sparsify_attention(Layer& layer, const Thresholds& thresholds, bool dense_prompt) {
  const auto& old = static_cast<const StandardAttention&>(*layer.attention);
  layer.attention = std::make_unique<TealAttention>(
      old.shape(), old.norms(),
      sparse_input(layer, Place::kQkv, thresholds.at(Place::kQkv), dense_prompt),
      sparse_input(layer, Place::kOut, thresholds.at(Place::kOut), dense_prompt));
}

void sparsify_ffn(Layer& layer, const Thresholds& thresholds, bool dense_prompt) {
  const auto& old = static_cast<const StandardFfn&>(*layer.ffn);
  layer.ffn = std::make_unique<TealFfn>(
      old.activation(), sparse_input(layer, Place::kFfn, thresholds.at(Place::kFfn), dense_prompt),
      sparse_input(layer, Place::kDown, thresholds.at(Place::kDown), dense_prompt));
}

void sparsify_by_gate(Layer& layer, double threshold, bool dense_prompt) {
  const auto& old = static_cast<const StandardFfn&>(*layer.ffn);
  const DenseLinear gate = layer.dense(Slot::kGate), up = layer.dense(Slot::kUp);
  Threshold compare(routing_site(Place::kGate), gate.out_features(), threshold, dense_prompt,
                    gate.weight());
  layer.ffn = std::make_unique<CatsFfn>(old.activation(), gate, up, matrices(layer, {Slot::kDown}),
                                        std::move(compare));
}

}  // namespace

std::vector<Place> places_of(const Layer& layer, bool attention, bool ffn) {
  std::vector<Place> places;
  if (attention && layer.attention) places = {Place::kQkv, Place::kOut};
  if (ffn && layer.ffn) places.insert(places.end(), {Place::kFfn, Place::kDown});
  return places;
}

std::int64_t bytes_behind(const Layer& layer, Place place) {
  std::int64_t bytes = 0;
  for (const Slot slot : slots_behind(layer, place)) {
    bytes += static_cast<std::int64_t>(layer.dense(slot).weight().nbytes());
  }
  return bytes;
}

void require_dense_block(const Layer& layer, std::int64_t index, Place place) {
  const bool attention = is_attention_place(place);
  const bool standard =
      attention ? layer.attention && typeid(*layer.attention) == typeid(StandardAttention)
                : dynamic_cast<const StandardFfn*>(layer.ffn.get()) != nullptr;
  bool dense = standard;
  for (const Slot slot : layer.slots()) {
    if (is_attention_slot(slot) != attention) continue;
    dense = dense && dynamic_cast<const DenseLinear*>(layer.find(slot)) != nullptr;
  }
  if (dense) return;
  throw DoesNotApply(fmt::format(
      "layer {}: teal gathers rows of dense matrices, and another method has replaced this {}; "
      "apply teal to a model with dense ones, or leave them out ('blocks')",
      index, attention ? "attention" : "feed-forward block"));
}

void sparsify(Layer& layer, std::int64_t index, const Thresholds& thresholds, bool dense_prompt) {
  for (const auto& [place, threshold] : thresholds) require_dense_block(layer, index, place);
  if (thresholds.contains(Place::kQkv)) sparsify_attention(layer, thresholds, dense_prompt);
  if (thresholds.contains(Place::kFfn)) sparsify_ffn(layer, thresholds, dense_prompt);
  const auto gate = thresholds.find(Place::kGate);
  if (gate != thresholds.end()) sparsify_by_gate(layer, gate->second, dense_prompt);
}

void set_thresholds(Layer& layer, const Thresholds& thresholds) {
  auto* attention = dynamic_cast<TealAttention*>(layer.attention.get());
  auto* ffn = dynamic_cast<TealFfn*>(layer.ffn.get());
  for (const auto& [place, threshold] : thresholds) {
    if (is_attention_place(place)) {
      SparseInput& input = place == Place::kQkv ? attention->qkv() : attention->out();
      input.threshold().set(threshold);
    } else {
      (place == Place::kFfn ? ffn->first() : ffn->down()).threshold().set(threshold);
    }
  }
}

}  // namespace assay::teal
