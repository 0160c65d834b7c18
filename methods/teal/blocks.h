#pragma once
// From a layer with dense blocks to one whose inputs are thresholded.

#include <cstdint>
#include <map>
#include <vector>

#include "harness/model/layer.h"
#include "methods/teal/magnitudes.h"

namespace assay::teal {

/// By the place that is compared; kNoThreshold (threshold.h) where everything is used. Blocks of
/// which no place is named stay as they are.
using Thresholds = std::map<Place, double>;

/// The places of a layer's blocks where TEAL has a threshold, in the order of a pass.
std::vector<Place> places_of(const Layer& layer, bool attention, bool ffn);

/// Bytes of the matrices that read this place; with kGate, those of up and down.
std::int64_t bytes_behind(const Layer& layer, Place place);

/// Throws DoesNotApply where the block that this place belongs to is not the standard one with
/// dense matrices.
void require_dense_block(const Layer& layer, std::int64_t index, Place place);

/// Puts new blocks in the place of dense ones, whose matrices they take over: both places of a
/// block are named, or kGate for CATS. Throws as require_dense_block().
void sparsify(Layer& layer, std::int64_t index, const Thresholds& thresholds, bool dense_prompt);

/// Other thresholds for a layer that sparsify() changed, by the same places.
void set_thresholds(Layer& layer, const Thresholds& thresholds);

}  // namespace assay::teal
