#include "harness/measure/machine_memory.h"

#include <algorithm>
#include <charconv>
#include <string>

#include "harness/measure/control_groups.h"
#include "harness/measure/proc_file.h"

namespace assay {
namespace {

constexpr std::int64_t kKib = 1024;

/// The number above 0 that a text begins with; "max" is none.
std::optional<std::int64_t> leading_number(const std::string& text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && value > 0 ? std::optional(value) : std::nullopt;
}

std::optional<std::int64_t> smaller(std::optional<std::int64_t> a, std::optional<std::int64_t> b) {
  if (!a || !b) return a ? a : b;
  return std::min(*a, *b);
}

}  // namespace

std::optional<std::int64_t> usable_memory_bytes(const MachineFiles& files) {
  auto bytes = leading_number(proc_value(files.proc / "meminfo", "MemTotal"));
  if (bytes) *bytes *= kKib;
  for (const ControlGroup& group : own_control_groups(files, "memory")) {
    for (const char* limit : {"memory.max", "memory.limit_in_bytes"}) {
      bytes = smaller(bytes, leading_number(first_line(group.folder / limit)));
    }
  }
  return bytes;
}

}  // namespace assay
