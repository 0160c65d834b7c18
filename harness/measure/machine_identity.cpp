#include "harness/measure/machine_identity.h"

#include <fmt/format.h>
#include <unistd.h>

#include "harness/base/hashing.h"
#include "harness/measure/proc_file.h"

namespace assay {
namespace {

constexpr double kKibPerGib = 1024.0 * 1024.0;

/// "" where the system does not tell.
std::string memory_text(const MachineFiles& files) {
  const std::string kib = proc_value(files.proc / "meminfo", "MemTotal");
  if (kib.empty()) return "";
  return fmt::format(", {:.1f} GiB", std::stod(kib) / kKibPerGib);
}

}  // namespace

MachineIdentity machine_identity(const MachineFiles& files) {
  const std::string model = proc_value(files.proc / "cpuinfo", "model name");
  const long cores = ::sysconf(_SC_NPROCESSORS_CONF);
  const std::string installed = first_line(files.machine_id);
  return {sha256_hex(fmt::format("assay machine\n{}\n{}\n{}\n", installed, model, cores)),
          fmt::format("{}, {} cores{}", model.empty() ? "unknown processor" : model, cores,
                      memory_text(files))};
}

}  // namespace assay
