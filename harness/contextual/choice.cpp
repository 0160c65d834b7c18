#include "harness/contextual/choice.h"

#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <span>
#include <stdexcept>

#include "harness/base/cell_errors.h"

namespace assay {
namespace {

/// A count that is whole on paper (0.3 of 10) must not fall below itself by rounding.
constexpr double kRounding = 1e-9;

struct Unit {
  double score;
  std::int64_t layer, index;
};
using Units = std::vector<Unit>;

bool goes_first(const Unit& a, const Unit& b) {
  if (a.score != b.score) return a.score < b.score;
  return a.layer != b.layer ? a.layer > b.layer : a.index > b.index;
}

void require_finite(const LayerScores& scores) {
  for (std::size_t i = 0; i < scores.size(); ++i) {
    if (scores[i].isfinite().all().item<bool>()) continue;
    throw NonFiniteValue("criterion",
                         fmt::format("a score of layer {} is not finite, so that nothing can be "
                                     "chosen by it; choose another criterion",
                                     i));
  }
}

/// In the order in which they go.
Units sorted_layer(const LayerScores& scores, std::size_t layer) {
  const at::Tensor values = scores[layer].to(at::kDouble).contiguous();
  const auto* value = values.const_data_ptr<double>();
  Units units;
  for (std::int64_t i = 0; i < values.numel(); ++i) {
    units.push_back({value[i], static_cast<std::int64_t>(layer), i});
  }
  std::sort(units.begin(), units.end(), goes_first);
  return units;
}

void append(Units& all, std::span<const Unit> more) {
  all.insert(all.end(), more.begin(), more.end());
}

Units sorted_units(const LayerScores& scores) {
  Units all;
  for (std::size_t i = 0; i < scores.size(); ++i) append(all, sorted_layer(scores, i));
  std::sort(all.begin(), all.end(), goes_first);
  return all;
}

std::size_t dropped(const ChoiceSettings& settings, std::size_t units) {
  return static_cast<std::size_t>(dropped_of(settings.drop, static_cast<std::int64_t>(units)));
}

/// Which units stay; all at first.
class Kept {
 public:
  explicit Kept(const LayerScores& scores) {
    for (const at::Tensor& layer : scores) masks_.push_back(at::ones({layer.numel()}, at::kBool));
  }
  void set(std::span<const Unit> units, bool stays) {
    for (const Unit& unit : units) {
      masks_[static_cast<std::size_t>(unit.layer)].mutable_data_ptr<bool>()[unit.index] = stays;
    }
  }
  [[nodiscard]] std::int64_t count(std::size_t layer) const {
    return masks_[layer].sum().item<std::int64_t>();
  }
  [[nodiscard]] std::vector<at::Tensor>& masks() { return masks_; }

 private:
  std::vector<at::Tensor> masks_;
};

/// The first, or the last, of units in their order; all when there are fewer.
std::span<const Unit> first(const Units& units, std::size_t count) {
  return std::span(units).first(std::min(count, units.size()));
}
std::span<const Unit> last(const Units& units, std::size_t count) {
  return std::span(units).last(std::min(count, units.size()));
}

void drop_per_layer(const LayerScores& scores, const ChoiceSettings& settings, Kept& kept) {
  for (std::size_t i = 0; i < scores.size(); ++i) {
    const Units units = sorted_layer(scores, i);
    kept.set(first(units, dropped(settings, units.size())), false);
  }
}

void drop_global(const LayerScores& scores, const ChoiceSettings& settings, Kept& kept) {
  const Units units = sorted_units(scores);
  kept.set(first(units, dropped(settings, units.size())), false);
}

void drop_hybrid(const LayerScores& scores, const ChoiceSettings& settings, Kept& kept) {
  Units free;
  std::size_t all = 0;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    const Units units = sorted_layer(scores, i);
    all += units.size();
    const double held = std::ceil(settings.floor * static_cast<double>(units.size()) - kRounding);
    append(free, first(units, units.size() - static_cast<std::size_t>(held)));
  }
  std::sort(free.begin(), free.end(), goes_first);
  kept.set(first(free, dropped(settings, all)), false);
}

void drop_hybrid_as_released(const LayerScores& scores, const ChoiceSettings& settings,
                             Kept& kept) {
  const Units units = sorted_units(scores);
  const std::size_t gone = dropped(settings, units.size());
  const auto floor = static_cast<std::size_t>(settings.compat_floor);
  kept.set(first(units, gone), false);
  std::vector<std::size_t> starved;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    if (scores[i].numel() > 0 && kept.count(i) < settings.compat_floor) starved.push_back(i);
  }
  kept.set(first(units, gone + floor * starved.size()), false);
  for (const std::size_t layer : starved) {
    kept.set(last(sorted_layer(scores, layer), floor), true);
  }
}

void check(const ChoiceSettings& settings) {
  const auto is_part = [](double value) { return value >= 0 && value <= 1; };
  if (is_part(settings.drop) && is_part(settings.floor) && settings.compat_floor >= 0) return;
  throw std::logic_error("drop and floor of a choice are parts, 0 to 1, compat_floor a count");
}

double density_of(const std::vector<at::Tensor>& masks) {
  std::int64_t kept = 0, all = 0;
  for (const at::Tensor& mask : masks) {
    kept += mask.sum().item<std::int64_t>();
    all += mask.numel();
  }
  return all == 0 ? 1 : static_cast<double>(kept) / static_cast<double>(all);
}

}  // namespace

std::int64_t dropped_of(double part, std::int64_t units) {
  return static_cast<std::int64_t>(std::floor(part * static_cast<double>(units) + kRounding));
}

Choice choose(const LayerScores& scores, const ChoiceSettings& settings) {
  check(settings);
  require_finite(scores);
  Kept kept(scores);
  switch (settings.style) {
    case ChoiceStyle::kPerLayer:
      drop_per_layer(scores, settings, kept);
      break;
    case ChoiceStyle::kGlobal:
      drop_global(scores, settings, kept);
      break;
    case ChoiceStyle::kHybrid:
      drop_hybrid(scores, settings, kept);
      break;
    case ChoiceStyle::kHybridCompat:
      drop_hybrid_as_released(scores, settings, kept);
      break;
  }
  if (settings.dense_first_layer && !scores.empty()) kept.masks().front().fill_(true);
  const double density = density_of(kept.masks());
  return {std::move(kept.masks()), density};
}

}  // namespace assay
