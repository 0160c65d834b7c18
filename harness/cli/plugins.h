#pragma once
// Plug-ins on the command line.

#include <CLI/App.hpp>
#include <string>

#include "harness/config/catalogue.h"

namespace assay {

/// --plugin FILE, repeatable: its methods and suite kinds are there for this command.
void add_plugin_option(CLI::App& command);

/// load_catalogue() with the plug-ins that the experiment file names besides; "" for no file.
Catalogue load_catalogue_for(const std::string& experiment_file);

}  // namespace assay
