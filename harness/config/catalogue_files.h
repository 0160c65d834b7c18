#pragma once
// The TOML files of the catalogue. Internal to harness/config.

#include <filesystem>

#include "harness/config/catalogue.h"

namespace assay {

/// Adds datasets, suites, models and profiles to a catalogue that already knows the suite kinds.
/// Throws UserError with the problems of all files together.
void read_catalogue_files(const std::filesystem::path& share, Catalogue& catalogue);

}  // namespace assay
