#pragma once
// The commands of `assay`. Each adds itself to the program; what it does runs after the whole
// command line was read, and its exit code is kept in `result`.

#include <CLI/App.hpp>

#include "harness/base/errors.h"

namespace assay {

/// Where a command leaves its exit code.
struct CommandResult {
  ExitCode code = ExitCode::kOk;
};

/// Adds all commands, in the order of their names. A file command_<name>.cpp of this folder
/// defines `void add_<name>_command(CLI::App& program, CommandResult& result)`, and
/// command_<name>_<below>.cpp one that gets the command <name> to add itself to.
void add_commands(CLI::App& program, CommandResult& result);

}  // namespace assay
