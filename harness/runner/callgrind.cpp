#include "harness/runner/callgrind.h"

#include <fmt/format.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "harness/base/errors.h"
#include "harness/base/files.h"
#include "harness/protocol/common_metrics.h"

namespace assay {
namespace fs = std::filesystem;

fs::path valgrind_program() {
  std::istringstream folders(environment_or("PATH", "/usr/local/bin:/usr/bin:/bin"));
  for (std::string folder; std::getline(folders, folder, ':');) {
    const fs::path program = fs::path(folder) / "valgrind";
    // Never a program of the current folder, whatever PATH says.
    if (folder.starts_with('/') && ::access(program.c_str(), X_OK) == 0) return program;
  }
  throw MachineError(
      "--instrument callgrind needs valgrind, and there is none in PATH: ./scripts/setup "
      "--callgrind installs it (Debian's package valgrind)");
}

ChildSpec under_callgrind(const ChildSpec& spec, const std::string& function,
                          const fs::path& output) {
  ChildSpec wrapped = spec;
  wrapped.program = valgrind_program();
  wrapped.arguments = {"--command-line-only=yes", "--tool=callgrind",
                       "--callgrind-out-file=" + output.string(), "--toggle-collect=" + function,
                       spec.program.string()};
  wrapped.arguments.insert(wrapped.arguments.end(), spec.arguments.begin(), spec.arguments.end());
  wrapped.memory_limit_bytes.reset();
  return wrapped;
}

std::optional<std::int64_t> counted_instructions(const fs::path& output) {
  std::ifstream file(output);
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("summary:") && !line.starts_with("totals:")) continue;
    std::istringstream numbers(line.substr(line.find(':') + 1));
    std::int64_t count = 0;
    if (numbers >> count && count > 0) return count;
  }
  return std::nullopt;
}

MetricDef instructions_definition(const Json& environment) {
  const std::string set =
      environment.value("/torch/cpu_capability"_json_pointer, std::string("unknown"));
  return {kInstructionsTag,
          "instructions",
          -1,
          fmt::format("callgrind, one call of {}, 1 thread, as for a processor with {}",
                      kCountedCalls, set),
          "Instructions of one call of the block, on the processor that valgrind shows",
          Basis::kExact};
}

}  // namespace assay
