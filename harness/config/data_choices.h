#pragma once
// What a [[method]] block says of its data: `calibration` and `training`. Internal to
// harness/config.

#include <optional>
#include <vector>

#include "harness/config/experiment.h"
#include "harness/config/toml_reader.h"

namespace assay {

using Calibrations = std::vector<std::optional<CalibrationChoice>>;
using Trainings = std::vector<std::optional<TrainingChoice>>;

/// All that `calibration` asks for, or the usual one. `any`: whether one of the block's settings
/// needs the data; the key is a problem, and the result empty, where none does.
Calibrations calibrations_of(TableReader& reader, const MethodEntry& method, bool any,
                             const Catalogue& catalogue);

/// All that `training` asks for, likewise; one nothing for a method that does not train.
Trainings trainings_of(TableReader& reader, const MethodEntry& method, const Catalogue& catalogue);

}  // namespace assay
