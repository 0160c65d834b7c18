#pragma once
// Where the kernel tells of the machine. Tests give folders of their own.

#include <filesystem>

namespace assay {

struct MachineFiles {
  std::filesystem::path proc = "/proc";
  std::filesystem::path cgroup = "/sys/fs/cgroup";
  std::filesystem::path machine_id = "/etc/machine-id";
};

}  // namespace assay
