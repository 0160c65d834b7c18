#include "harness/store/place.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <system_error>
#include <utility>

#include "harness/base/errors.h"

namespace assay {
namespace {

namespace fs = std::filesystem;

/// SQLite takes such names for something else than a file.
void check_name(const std::string& name) {
  if (name.empty()) {
    throw UserError("the name of the database is empty; give a file, such as --db results.db");
  }
  if (name.starts_with(':') || name.starts_with("file:")) {
    throw UserError(fmt::format(
        "{}: is no file name (':memory:' and 'file:' mean something else to SQLite, and what is "
        "measured must last); give a file, such as --db results.db",
        name));
  }
}

void check_kind(const fs::path& path) {
  std::error_code ignored;
  const fs::file_status status = fs::status(path, ignored);
  if (fs::is_directory(status)) {
    throw UserError(
        fmt::format("{}: is a folder; give the name of a database file", path.string()));
  }
  if (fs::exists(status) && !fs::is_regular_file(status)) {
    throw UserError(fmt::format(
        "{}: is a device, pipe or socket, where nothing lasts; give the name of a database file",
        path.string()));
  }
}

}  // namespace

void check_database_place(const fs::path& path) {
  check_name(path.string());
  check_kind(path);
  const fs::path folder = path.parent_path();
  std::error_code ignored;
  if (!folder.empty() && !fs::is_directory(folder, ignored)) {
    throw UserError(fmt::format("{}: the folder {} does not exist; create it or choose another",
                                path.string(), folder.string()));
  }
}

std::string shared_file_system(const fs::path& path) {
  static constexpr std::array<std::pair<std::uint32_t, const char*>, 9> kShared = {
      {{0x6969, "nfs"},
       {0x517b, "smb"},
       {0xff534d42, "cifs"},
       {0xfe534d42, "smb2"},
       {0x00c36400, "ceph"},
       {0x0bd00bd0, "lustre"},
       {0x47504653, "gpfs"},
       {0x5346414f, "afs"},
       {0x01021997, "9p"}}};
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  struct statfs found {};
  if (::statfs(folder.c_str(), &found) != 0) return "";
  for (const auto& [magic, name] : kShared) {
    if (static_cast<std::uint32_t>(found.f_type) == magic) return name;
  }
  return "";
}

// O_PATH: closing any other descriptor of the file would drop the locks that SQLite holds on it.
PlacedFile::PlacedFile(fs::path path)
    : path_(std::move(path)), descriptor_(::open(path_.c_str(), O_PATH | O_CLOEXEC)) {
  if (descriptor_ >= 0) return;
  throw MachineError(fmt::format("{}: cannot be looked at: {}; check that nobody removes it",
                                 path_.string(), std::strerror(errno)));
}

PlacedFile::~PlacedFile() { ::close(descriptor_); }

bool PlacedFile::in_place() const {
  struct stat opened {
  }, there{};
  return ::fstat(descriptor_, &opened) == 0 && ::stat(path_.c_str(), &there) == 0 &&
         opened.st_dev == there.st_dev && opened.st_ino == there.st_ino;
}

std::string PlacedFile::present_name() const {
  struct stat opened {};
  if (::fstat(descriptor_, &opened) != 0 || opened.st_nlink == 0) return "";
  std::error_code unknown;
  const fs::path name = fs::read_symlink(fmt::format("/proc/self/fd/{}", descriptor_), unknown);
  return unknown ? "another name" : name.string();
}

}  // namespace assay
