#pragma once
// Running somebody's own compression program.

#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include "harness/method/method.h"

namespace assay {

/// The program crashed, failed, or left nothing usable behind.
class CommandFailed : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// What is wrong with a command: empty, or without the placeholders {model} and {out}.
std::vector<std::string> command_problems(const std::vector<std::string>& command);

/// Fills the placeholders in every word: {model}, {out}, {params} (a JSON file with `settings` and
/// the key "seed"), runs the command in its own process group inside the scratch folder, and gives
/// the folder that it wrote. Looks the program up in PATH. A cancel ends the whole group.
/// Throws CommandFailed with the end of its standard error when it fails or writes no folder, and
/// MachineError when there is no such program.
std::filesystem::path run_compression_command(const std::vector<std::string>& command,
                                              const Json& settings, FitContext& context);

}  // namespace assay
