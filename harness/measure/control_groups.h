#pragma once
// The control groups that this process is in.

#include <filesystem>
#include <string>
#include <vector>

#include "harness/measure/machine_files.h"

namespace assay {

struct ControlGroup {
  std::filesystem::path folder;
  std::string path;  ///< below the place where control groups are mounted, "/box/job"
};

/// This process's groups that have this controller ("cpu", "memory") and all above them, of
/// version 2 and of version 1, as far as they are there. Their files say what they allow.
std::vector<ControlGroup> own_control_groups(const MachineFiles& files,
                                             const std::string& controller);

}  // namespace assay
