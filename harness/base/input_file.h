#pragma once
// Opening and reading what others wrote, with what can be wrong about it said in words.

#include <cstddef>
#include <filesystem>
#include <functional>
#include <limits>
#include <string>
#include <string_view>

#include "harness/base/descriptor.h"

namespace assay {

/// Opens a file, or an open descriptor by its name (/dev/stdin, /dev/fd/63 of `<(...)`), for
/// reading. Throws FileError where nothing is there, and for a folder, and for a pipe or device,
/// which may give nothing for ever or never end; MachineError where the system has no descriptor
/// left.
Descriptor open_input(const std::filesystem::path& path);

/// Calls `take` with piece after piece of the file, until `most` bytes were read. Throws as
/// open_input() does, and MachineError when reading fails.
void read_pieces(const std::filesystem::path& path,
                 const std::function<void(std::string_view)>& take,
                 std::size_t most = std::numeric_limits<std::size_t>::max());

/// The error of a system call on what is there to be read.
[[noreturn]] void fail_read(const std::filesystem::path& path, int error);

}  // namespace assay
