#include "harness/base/file_identity.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <limits>

#include "harness/base/errors.h"
#include "harness/base/input_file.h"

namespace assay {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kGranularity = 2 * kSecond;  // FAT's; others stamp finer

/// A file can be dated beyond what 64 bits of nanoseconds reach: the nearest that they do.
std::int64_t nanoseconds(const timespec& time) {
  std::int64_t sum = 0;
  if (__builtin_mul_overflow(std::int64_t{time.tv_sec}, kSecond, &sum) ||
      __builtin_add_overflow(sum, std::int64_t{time.tv_nsec}, &sum)) {
    using Limits = std::numeric_limits<std::int64_t>;
    return time.tv_sec < 0 ? Limits::min() : Limits::max();
  }
  return sum;
}

/// Of two times, however far they are from each other.
bool more_apart_than(std::int64_t later, std::int64_t earlier, std::int64_t least) {
  std::int64_t between = 0;
  if (__builtin_sub_overflow(later, earlier, &between)) return later > earlier;
  return between > least;
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
  return more_apart_than(now_ns, ctime_ns, kGranularity) &&
         (more_apart_than(now_ns, mtime_ns, kGranularity) ||
          more_apart_than(mtime_ns, now_ns, kGranularity));
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
  if (::stat(path.c_str(), &status) != 0) fail_read(path, errno);
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
