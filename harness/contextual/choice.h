#pragma once
// Which heads or neurons stay, by their scores: the styles of ShadowLLM (arXiv 2406.16635).

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "harness/contextual/layer_scores.h"

namespace assay {

/// Whole units that a part of them is, floor(part units): what every choice here drops. A count
/// that is whole on paper (0.3 of 10) does not fall below itself by rounding.
std::int64_t dropped_of(double part, std::int64_t units);

enum class ChoiceStyle {
  kPerLayer,      ///< "local": the lowest of each layer are dropped
  kGlobal,        ///< the lowest of all layers
  kHybrid,        ///< the same, but every layer keeps its best `floor`; see choose()
  kHybridCompat,  ///< "hybrid" as released; see choose()
};

/// Floors of the released hybrid style, whatever the width of a layer.
inline constexpr std::int64_t kReleasedHeadFloor = 1;
inline constexpr std::int64_t kReleasedNeuronFloor = 256;

struct ChoiceSettings {
  ChoiceStyle style = ChoiceStyle::kGlobal;
  double drop = 0.5;                               ///< part of the units, 0 to 1
  double floor = 0;                                ///< kHybrid: part of a layer that stays, 0 to 1
  std::int64_t compat_floor = kReleasedHeadFloor;  ///< kHybridCompat: units of a layer
  bool dense_first_layer = true;  ///< afterwards layer 0 keeps everything, as released
};

struct Choice {
  std::vector<at::Tensor> kept;  ///< bool [units] a layer, on the CPU
  /// Part of all units that stays. Never the nominal 1 - drop exactly: counts are rounded down, and
  /// layer 0 may be dense. 1 where there are no units.
  double density = 1;
};

/// Drops floor(drop * n) of n units, those with the lowest scores: n is the units of a layer
/// (kPerLayer) or of the model. Among equal scores those of the later layer go first, and in it
/// those of the greater index, so that a choice does not depend on a sort.
///
/// kHybrid: each layer keeps its best ceil(floor * units); of all others the lowest are dropped,
/// until as many are gone as kGlobal drops or none is left.
///
/// kHybridCompat: as kGlobal; then each layer that keeps fewer than `compat_floor` gets its best
/// `compat_floor` back, after the lowest (compat_floor x number of such layers) of all kept units
/// were dropped for it. As that pays for units that the layer kept anyway, and may starve other
/// layers, neither the number of kept units nor the floor holds.
///
/// Throws std::logic_error for settings out of their range, NonFiniteValue that names the layer for
/// scores that are not finite.
Choice choose(const LayerScores& scores, const ChoiceSettings& settings);

}  // namespace assay
