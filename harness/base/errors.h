#pragma once
// Errors that end a command, and the exit codes that they become.

#include <stdexcept>
#include <string>
#include <vector>

namespace assay {

/// Exit codes of every command. Scripts depend on them: never renumber.
enum class ExitCode : int {
  kOk = 0,
  kWorse = 1,
  kBadInput = 2,
  kNotMeasured = 3,
  kAmbiguous = 4,
  kBug = 70,
  kInterrupted = 130,
};

/// Bad input from the user: a file, an option, a model. Exit code 2.
/// The text says the place, what was found, what is allowed and what to do.
class UserError : public std::runtime_error {
 public:
  explicit UserError(const std::string& text);
  /// Several errors of one file, reported together, one a line.
  explicit UserError(const std::vector<std::string>& texts);
};

/// The machine lacks something: a device, a library, memory, disk. Exit code 3.
class MachineError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The user or the system asked to stop. Exit code 130.
class Interrupted : public std::runtime_error {
 public:
  Interrupted();
};

/// Exit code that belongs to an exception in flight; call from a catch block.
ExitCode exit_code_of_current_exception() noexcept;

}  // namespace assay
