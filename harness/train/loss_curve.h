#pragma once
// Loss curves as numbers of a fit, for the database and the pictures of reports.

#include <cstddef>
#include <vector>

#include "harness/method/method.h"
#include "harness/train/trainer.h"

namespace assay {

/// At most `most` (>= 1) entries: neighbours become one, with the mean of their losses and what the
/// last of them says.
std::vector<CurvePoint> thinned(const std::vector<CurvePoint>& curve, std::size_t most);

/// Tells the context what every training says of itself: "train/steps", "train/loss" (its last),
/// "train/dev_loss" (its best), and the curves "train/loss/step.N" (of at most 64 entries) and
/// "train/dev_loss/step.N", N: steps done.
void tell_training(FitContext& context, const TrainResult& result);

}  // namespace assay
