#pragma once
// `[[report]]` blocks of an experiment file. Internal to harness/config.

#include <vector>

#include "harness/config/experiment.h"
#include "harness/config/toml_reader.h"

namespace assay {

/// Checks names of fields, conditions and metrics against what the experiment asks for.
std::vector<ReportChoice> read_reports(std::vector<TableReader> blocks,
                                       const Experiment& experiment, const Catalogue& catalogue);

}  // namespace assay
