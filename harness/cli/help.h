#pragma once
// Small helpers that all commands share.

#include <CLI/App.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "harness/base/json.h"
#include "harness/config/catalogue.h"
#include "reports/report.h"

namespace assay {

/// A command with a description and an example at the end of its help.
CLI::App* add_command(CLI::App& parent, const std::string& name, const std::string& description,
                      const std::string& example);

/// An option without a value; true after parsing when it was given. The option writes to what is
/// returned, so keep it in the command's callback.
std::shared_ptr<const bool> add_switch(CLI::App& command, const std::string& name,
                                       const std::string& description);

/// For options that name a database: refuses what is no file that lasts, before anything is done.
CLI::Validator database_place();

/// Everything that can be named on this machine.
Catalogue load_catalogue();

/// Two columns: names padded to the longest, then summaries.
std::string two_columns(const std::vector<std::pair<std::string, std::string>>& rows);

/// Width and colour of the terminal on standard output; plain and unlimited elsewhere.
RenderOptions terminal_options();

/// Pretty JSON with a final newline, on standard output.
void print_json(const Json& document);

}  // namespace assay
