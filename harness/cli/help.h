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

/// For options that are numbers: refuses what is outside of [least, most], and "nan".
CLI::Validator number_within(double least, double most);

/// For options that are integers: what does not fit into 64 bits is refused, not cut.
CLI::Validator whole_number();

/// Everything that can be named on this machine, but for models of the Hugging Face cache, which
/// are found without.
Catalogue load_catalogue();
/// With those, for lists of models: all of the cache is looked at.
Catalogue load_catalogue_with_hub_cache();

/// Two columns: names padded to the longest, then summaries.
std::string two_columns(const std::vector<std::pair<std::string, std::string>>& rows);

/// Columns of the terminal on standard output; 0 where there is none.
int terminal_width();

/// How a command prints for people.
struct PrintChoice {
  std::string colour = "auto";  ///< "auto", "always", "never"
  bool wide = false;
};

/// --color; `choice` must live as long as the command.
void add_colour_option(CLI::App& command, PrintChoice& choice);
/// --color and --wide, of commands that print the tables of a report.
void add_print_options(CLI::App& command, PrintChoice& choice);

/// Of standard output: as wide as the terminal, elsewhere kPlainWidth; all that is asked for and
/// no terminal limits is written where the choice is wide.
RenderOptions print_options(const PrintChoice& choice);
/// Of a file: no colours unless they are always wanted.
RenderOptions file_options(const PrintChoice& choice);

/// Pretty JSON with a final newline, on standard output.
void print_json(const Json& document);

}  // namespace assay
