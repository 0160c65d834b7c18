#pragma once
// The blocks of an experiment file. Internal to harness/config.

#include <vector>

#include "harness/config/experiment.h"
#include "harness/config/toml_reader.h"

namespace assay {

/// Keys that belong to one table only, for the message about a key below the wrong header.
const KeyHomes& key_homes();

/// Throws UserError with what is found and what `problems` had before.
Experiment read_document(const TomlDocument& document, const Catalogue& catalogue,
                         Problems& problems);

std::vector<ModelChoice> read_models(std::vector<TableReader> blocks);
std::vector<MethodChoice> read_methods(std::vector<TableReader> blocks, const Catalogue& catalogue);
std::vector<SuiteChoice> read_suites(std::vector<TableReader> blocks, const Catalogue& catalogue);

}  // namespace assay
