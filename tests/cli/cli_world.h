#pragma once
// A folder with everything that `assay` looks at, so that its commands run the same everywhere:
// a share folder, a cache, raw data, a model, and stand-ins for the worker and for Python.

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace assay {

struct CommandOutput {
  int code = 0;
  std::string out, err;
  double seconds = 0;
};

class CliWorld {
 public:
  CliWorld();
  ~CliWorld();
  CliWorld(const CliWorld&) = delete;
  CliWorld& operator=(const CliWorld&) = delete;

  /// Runs `assay` in the folder. `on_tick` is called about once a second with its pid.
  CommandOutput run(const std::vector<std::string>& arguments,
                    const std::function<void(long pid)>& on_tick = {}) const;
  /// Runs `assay` on a terminal of so many columns; `out` is what the terminal got, of both
  /// outputs.
  CommandOutput run_on_terminal(const std::vector<std::string>& arguments,
                                unsigned short columns) const;
  /// Runs a line of `sh` in the folder, in which `assay` is the program.
  CommandOutput shell(const std::string& line) const;
  /// Likewise, another program.
  CommandOutput run_program(const std::filesystem::path& program,
                            const std::vector<std::string>& arguments,
                            const std::function<void(long pid)>& on_tick = {}) const;
  /// Sets a variable for the program; replaces what the world gives it.
  void set(const std::string& name, const std::string& value);
  /// "NAME=value", what programs get; for those that a test starts itself.
  [[nodiscard]] std::vector<std::string> environment() const;
  /// Writes a file of the folder, with the folders above it.
  std::filesystem::path write(const std::string& name, const std::string& content) const;
  [[nodiscard]] std::filesystem::path operator/(const std::string& name) const {
    return folder_ / name;
  }

 private:
  std::filesystem::path folder_;
  std::vector<std::pair<std::string, std::string>> variables_;
};

/// A report's text without the line ends that the width of a terminal asks for: each piece of white
/// space as one space.
std::string unfolded(const std::string& text);

/// An experiment on the world's model and text: dense and the given methods (TOML).
std::string experiment_text(const std::string& methods, const std::string& suites);

}  // namespace assay
