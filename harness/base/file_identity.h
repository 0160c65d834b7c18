#pragma once
// What tells one state of a file from another without reading it.

#include <cstdint>
#include <filesystem>
#include <string>

#include "harness/base/json.h"

namespace assay {

/// The change time is the one that nobody can set: a file that was replaced by one of the same size
/// and modification time still differs in it.
struct FileIdentity {
  std::uint64_t device = 0, inode = 0;
  std::int64_t size = 0, mtime_ns = 0, ctime_ns = 0;
  bool operator==(const FileIdentity&) const = default;
  /// "device-inode": names the file whatever its state.
  [[nodiscard]] std::string place() const;
  /// Whether any later change shows in the identity. File systems stamp with a clock of up to two
  /// seconds' granularity: a file that changed just before `now_ns` (of the system clock) may
  /// change again without another stamp.
  [[nodiscard]] bool settled(std::int64_t now_ns) const;
};
Json to_json(const FileIdentity& identity);

/// Of the file that a path leads to (links are followed). Throws UserError when it is missing.
FileIdentity file_identity(const std::filesystem::path& path);
/// Of an open file.
FileIdentity file_identity(int descriptor);

/// Nanoseconds since the epoch, of the clock that stamps files.
std::int64_t system_clock_ns();

}  // namespace assay
