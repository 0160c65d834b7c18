#pragma once
// How often a fit keeps what it has so far.

namespace assay {

/// Between two checkpoints of a training, where nobody says otherwise.
inline constexpr double kCheckpointSeconds = 120;

}  // namespace assay
