#pragma once
// Hashes of files, remembered between commands.

#include <cstdint>
#include <filesystem>
#include <string>

namespace assay {

/// What tells one state of a file from another without reading it.
struct FileIdentity {
  std::uint64_t device = 0, inode = 0;
  std::int64_t size = 0, mtime_ns = 0;
  bool operator==(const FileIdentity&) const = default;
  /// "device-inode": names the file whatever its state.
  [[nodiscard]] std::string place() const;
};

/// Throws UserError when the file is missing.
FileIdentity file_identity(const std::filesystem::path& path);

/// SHA-256 of a file's content, cached under assay_home()/hashes by identity. A cache that cannot
/// be written is no error: it only saves time.
std::string cached_file_hash(const std::filesystem::path& path);

}  // namespace assay
