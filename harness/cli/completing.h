#pragma once
// What may stand next on a command line, for shells.

#include <CLI/App.hpp>
#include <string>
#include <vector>

#include "harness/config/catalogue.h"

namespace assay {

/// Names of a kind that options ask for ("METHOD", "MODEL", "REPOSITORY" for models of the Hugging
/// Face Hub alone, "SUITE", "PROFILE", "DATASET", "FORMAT", "NAME" for any of them), sorted; none
/// for another kind.
std::vector<std::string> names_of_kind(const Catalogue& catalogue, const std::string& kind);

/// What the last word may become: commands, options, the names that an option or argument takes,
/// and parameters behind NAME:. Empty where a file is asked for, or anything at all. `words` are
/// those behind the program's name; the last one may be empty.
std::vector<std::string> completions(const CLI::App& program,
                                     const std::vector<std::string>& words);

}  // namespace assay
