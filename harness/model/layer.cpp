#include "harness/model/layer.h"

#include <fmt/format.h>

#include <stdexcept>
#include <string>

#include "harness/base/cell_errors.h"

namespace assay {
namespace {

/// A chain can bring this about: no bug, and no setting of this method helps.
[[noreturn]] void was_replaced(Slot slot) {
  throw DoesNotApply(fmt::format(
      "a method before this one replaced '{}' of a layer, and this one works on dense matrices; "
      "apply this one first, or leave one of them out",
      slot_name(slot)));
}

/// Whether a block that has no such slot is one that has none at all: a method made it.
template <typename Block>
bool is_closed(const std::unique_ptr<Block>& block, Slot always_there) {
  return block && block->linear(always_there) == nullptr;
}

/// The feed-forward block that a place is of: that of an expert, or the layer's; null without one.
Ffn* ffn_of(const std::unique_ptr<Ffn>& ffn, const SlotPlace& place) {
  if (!ffn || !is_ffn_slot(place.slot)) return nullptr;
  return place.expert < 0 ? ffn.get() : ffn->expert(place.expert);
}

}  // namespace

Linear* Layer::find(const SlotPlace& place) const {
  if (is_attention_slot(place.slot)) {
    return attention && place.expert < 0 ? attention->linear(place.slot) : nullptr;
  }
  const Ffn* block = ffn_of(ffn, place);
  return block == nullptr ? nullptr : block->linear(place.slot);
}

std::vector<Slot> Layer::slots() const {
  std::vector<Slot> slots;
  for (const Slot slot : linear_slots()) {
    if (find(slot) != nullptr) slots.push_back(slot);
  }
  return slots;
}

std::vector<SlotPlace> Layer::places() const {
  std::vector<SlotPlace> places;
  const auto add = [&](std::int64_t expert) {
    for (const Slot slot : linear_slots()) {
      const SlotPlace place(slot, expert);
      if (slot != Slot::kRouter && find(place) != nullptr) places.push_back(place);
    }
  };
  add(-1);
  const std::int64_t experts = ffn ? ffn->experts() : 0;
  for (std::int64_t expert = 0; expert < experts; ++expert) add(expert);
  return places;
}

Linear& Layer::linear(const SlotPlace& place) const {
  Linear* block = find(place);
  if (block != nullptr) return *block;
  const bool closed = is_attention_slot(place.slot)
                          ? is_closed(attention, Slot::kQ)
                          : is_closed(ffn, Slot::kUp) && ffn->experts() == 0;
  if (closed) was_replaced(place.slot);
  throw std::logic_error("this layer has no slot '" + slot_path(-1, place) + "'");
}

DenseLinear& Layer::dense(const SlotPlace& place) const {
  auto* block = dynamic_cast<DenseLinear*>(&linear(place));
  if (block == nullptr) was_replaced(place.slot);
  return *block;
}

void Layer::replace_linear(const SlotPlace& place, std::unique_ptr<Linear> block) {
  (void)linear(place);
  if (is_attention_slot(place.slot)) {
    attention->replace_linear(place.slot, std::move(block));
  } else {
    ffn_of(ffn, place)->replace_linear(place.slot, std::move(block));
  }
}

void Layer::visit_tensors(const VisitTensor& visit) {
  attention_norm.visit_tensors(visit_part(visit, "attention_norm."));
  if (attention) attention->visit_tensors(visit);
  attention_out_norm.visit_tensors(visit_part(visit, "attention_out_norm."));
  ffn_norm.visit_tensors(visit_part(visit, "ffn_norm."));
  if (ffn) ffn->visit_tensors(visit);
  ffn_out_norm.visit_tensors(visit_part(visit, "ffn_out_norm."));
}

Cost Layer::cost() const {
  Cost cost = attention_norm.cost();
  for (const NormBlock* norm : {&attention_out_norm, &ffn_norm, &ffn_out_norm}) {
    cost += norm->cost();
  }
  if (attention) cost += attention->cost();
  if (ffn) cost += ffn->cost();
  return cost;
}

void Layer::fuse() {
  if (attention) attention->fuse();
  if (ffn) ffn->fuse();
}

Layer Layer::without_blocks() const {
  return {attention_norm, ffn_norm, nullptr, nullptr, attention_out_norm, ffn_out_norm};
}

Layer Layer::share() const {
  Layer twin = without_blocks();
  if (attention) twin.attention = attention->share();
  if (ffn) twin.ffn = ffn->share();
  return twin;
}

Layer Layer::clone() const {
  TensorCopies copies;
  Layer twin = share();
  twin.visit_tensors([&](const std::string&, at::Tensor& tensor) { tensor = copies(tensor); });
  return twin;
}

}  // namespace assay
