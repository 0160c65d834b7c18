#pragma once
// The block [measure] of an experiment file. Internal to harness/config.

#include "harness/config/experiment.h"
#include "harness/config/toml_reader.h"

namespace assay {

void read_measure(TableReader& root, Experiment& experiment);

}  // namespace assay
