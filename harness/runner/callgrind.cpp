#include "harness/runner/callgrind.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <string_view>
#include <unordered_map>

#include "harness/base/errors.h"
#include "harness/base/files.h"
#include "harness/protocol/common_metrics.h"
#include "harness/runner/tools.h"

namespace assay {
namespace fs = std::filesystem;
namespace {

/// The allocator's entry points, and what glibc calls by another name inside of them.
bool allocates(std::string_view function) {
  static constexpr std::array<std::string_view, 9> kNames = {
      "malloc",         "free",          "calloc",        "realloc", "memalign",
      "posix_memalign", "aligned_alloc", "_mid_memalign", "_int_"};
  return std::ranges::any_of(kNames, [&](std::string_view name) {
    if (!function.starts_with(name)) return false;
    const std::string_view rest = function.substr(name.size());
    // Behind a name: nothing, ".constprop.0" of a compiler, "'2" of a recursion.
    return name == "_int_" || rest.empty() || rest[0] == '.' || rest[0] == '\'';
  });
}

/// Reads a file of callgrind's line by line: its total, and the cost of calls of the allocator from
/// outside of it.
class CountReader {
 public:
  void feed(const std::string& line) {
    const auto value = [&] { return line.substr(line.find('=') + 1); };
    if (line.starts_with("fn=")) {
      caller_ = name_of(value());
    } else if (line.starts_with("cfn=")) {
      callee_ = name_of(value());
    } else if (line.starts_with("calls=")) {
      cost_of_call_next_ = true;
    } else if (cost_of_call_next_) {
      cost_of_call_next_ = false;
      if (allocates(callee_) && !allocates(caller_)) allocating_ += last_number(line);
    } else if (line.starts_with("summary:") || line.starts_with("totals:")) {
      total_ = std::stoll("0" + line.substr(std::min(line.find(' ') + 1, line.size())));
    }
  }

  [[nodiscard]] std::optional<std::int64_t> count() const {
    const std::int64_t rest = total_ - allocating_;
    return rest > 0 ? std::optional(rest) : std::nullopt;
  }

 private:
  /// "(12) name" where a function is first met, "(12)" afterwards.
  const std::string& name_of(const std::string& text) {
    const std::size_t end = text.find(')');
    std::string& name = names_[text.substr(0, end)];
    if (end != std::string::npos && end + 2 < text.size()) name = text.substr(end + 2);
    return name;
  }
  static std::int64_t last_number(const std::string& line) {
    return std::stoll("0" + line.substr(line.rfind(' ') + 1));
  }

  std::unordered_map<std::string, std::string> names_;
  std::string caller_;
  std::string callee_;
  bool cost_of_call_next_ = false;
  std::int64_t allocating_ = 0;
  std::int64_t total_ = 0;
};

}  // namespace

fs::path valgrind_program() {
  if (const auto program = program_in_path("valgrind")) return *program;
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
  CountReader reader;
  for (std::string line; std::getline(file, line);) reader.feed(line);
  return reader.count();
}

MetricDef instructions_definition(const Json& environment) {
  const std::string set =
      environment.value("/torch/cpu_capability"_json_pointer, std::string("unknown"));
  return {kInstructionsTag,
          "instructions",
          -1,
          fmt::format("callgrind, one call of {}, without the allocator's, 1 thread, as for a "
                      "processor with {}",
                      kCountedCalls, set),
          "Instructions of one call of the block, on the processor that valgrind shows",
          Basis::kExact};
}

}  // namespace assay
