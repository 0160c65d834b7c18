#pragma once
// A program that has the terminal, as one that a shell starts.

#include <filesystem>
#include <string>
#include <vector>

namespace assay {

struct ForegroundSpec {
  std::filesystem::path program;
  std::vector<std::string> arguments;
  std::vector<std::string> environment;  ///< "NAME=value", complete
  std::filesystem::path input, output;   ///< files; empty: those of this program
};

/// How a program ended.
struct ForegroundEnd {
  int exit_code = 0;  ///< meaningful when signal == 0
  int signal = 0;
};

/// Runs it to its end without any limit. Ctrl-C is its business meanwhile. Throws MachineError when
/// it cannot be started.
ForegroundEnd run_in_foreground(const ForegroundSpec& spec);

}  // namespace assay
