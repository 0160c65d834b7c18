#include "harness/base/file_identity.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>

#include "harness/base/errors.h"

namespace assay {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kGranularity = 2 * kSecond;  // FAT's; others stamp finer

std::int64_t nanoseconds(const timespec& time) {
  return std::int64_t{time.tv_sec} * kSecond + time.tv_nsec;
}

FileIdentity identity_of(const struct stat& status) {
  return {.device = status.st_dev,
          .inode = status.st_ino,
          .size = status.st_size,
          .mtime_ns = nanoseconds(status.st_mtim),
          .ctime_ns = nanoseconds(status.st_ctim)};
}

}  // namespace

std::string FileIdentity::place() const { return fmt::format("{}-{}", device, inode); }

bool FileIdentity::settled(std::int64_t now_ns) const {
  // A change time ahead of the clock (the clock was set back) can come again. A modification time
  // may be any, and says something only where a file system keeps no change time.
  return now_ns - ctime_ns > kGranularity && std::abs(now_ns - mtime_ns) > kGranularity;
}

Json to_json(const FileIdentity& identity) {
  return {{"device", identity.device},
          {"inode", identity.inode},
          {"size", identity.size},
          {"mtime_ns", identity.mtime_ns},
          {"ctime_ns", identity.ctime_ns}};
}

FileIdentity file_identity(const std::filesystem::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    throw UserError(fmt::format("{}: {}", path.string(), std::strerror(errno)));
  }
  return identity_of(status);
}

FileIdentity file_identity(int descriptor) {
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) {
    throw MachineError(fmt::format("an open file: {}", std::strerror(errno)));
  }
  return identity_of(status);
}

std::int64_t system_clock_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace assay
