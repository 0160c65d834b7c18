#pragma once
// What to say where a file cannot be written.

#include <filesystem>

namespace assay {

/// Throws MachineError "PATH: cannot be written: WHY; REMEDY". Only for places in assay_home() is
/// another ASSAY_HOME a remedy.
[[noreturn]] void fail_write(const std::filesystem::path& path, int error);

}  // namespace assay
