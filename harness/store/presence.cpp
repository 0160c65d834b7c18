#include "harness/store/presence.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "harness/base/clock.h"
#include "harness/base/errors.h"

namespace assay {
namespace {

namespace fs = std::filesystem;

constexpr const char* kMark = ".run-";
constexpr std::size_t kNameLength = 36;  // of a UUID

/// Where all who name the database by other links look too, as SQLite does for its own files.
fs::path real_place(const fs::path& database) {
  std::error_code error;
  const fs::path real = fs::weakly_canonical(database, error);
  return error ? database : real;
}

fs::path sign_of(const fs::path& database, const std::string& name) {
  return database.string() + kMark + name;
}

/// A name comes out of a database that anybody may have written, and becomes part of a path.
bool is_name(const std::string& name) {
  return name.size() == kNameLength &&
         name.find_first_not_of("0123456789abcdef-") == std::string::npos;
}

/// False for a file that was removed, or replaced, after it was opened.
bool is_at(int descriptor, const fs::path& path) {
  struct stat opened {
  }, there{};
  return ::fstat(descriptor, &opened) == 0 && ::stat(path.c_str(), &there) == 0 &&
         opened.st_dev == there.st_dev && opened.st_ino == there.st_ino;
}

[[noreturn]] void fail(const fs::path& path, int error) {
  throw MachineError(
      fmt::format("{}: cannot be made and locked: {}; a database needs a writable folder on a "
                  "local disk, choose another place with --db",
                  path.string(), std::strerror(error)));
}

/// The descriptor of the sign, locked by this process alone.
int locked_sign(const fs::path& path) {
  while (true) {
    const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (descriptor < 0) fail(path, errno);
    int result = 0;
    do {
      result = ::flock(descriptor, LOCK_EX);
    } while (result != 0 && errno == EINTR);
    if (result != 0) {
      const int error = errno;
      ::close(descriptor);
      fail(path, error);
    }
    if (is_at(descriptor, path)) return descriptor;
    ::close(descriptor);  // somebody took it for abandoned before it was locked
  }
}

/// A descriptor when nobody holds the lock of the file, else -1. Those who ask share it.
int unheld(const fs::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (descriptor < 0 || ::flock(descriptor, LOCK_SH | LOCK_NB) == 0) return descriptor;
  ::close(descriptor);
  return -1;
}

}  // namespace

Presence::Presence(const fs::path& database) : database_(real_place(database)), name_(new_uuid()) {
  make();
}

Presence::~Presence() {
  if (descriptor_ < 0) return;
  const fs::path sign = sign_of(database_, name_);
  if (is_at(descriptor_, sign)) ::unlink(sign.c_str());
  ::close(descriptor_);
}

void Presence::make() { descriptor_ = locked_sign(sign_of(database_, name_)); }

void Presence::keep() {
  if (is_at(descriptor_, sign_of(database_, name_))) return;
  ::close(std::exchange(descriptor_, -1));
  make();
}

bool run_is_alive(const fs::path& database, const std::string& name) {
  if (!is_name(name)) return false;
  const fs::path sign = sign_of(real_place(database), name);
  std::error_code unknown;
  if (!fs::exists(sign, unknown) && !unknown) return false;
  const int descriptor = unheld(sign);
  if (descriptor < 0) return true;  // held, or not to be looked at: whoever it is may be alive
  ::close(descriptor);
  return false;
}

void remove_abandoned_runs(const fs::path& database) {
  const fs::path place = real_place(database);
  const std::string prefix = place.filename().string() + kMark;
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(place.parent_path(), ignored)) {
    const std::string file = entry.path().filename().string();
    if (!file.starts_with(prefix) || !is_name(file.substr(prefix.size()))) continue;
    const int descriptor = unheld(entry.path());
    if (descriptor < 0) continue;
    ::unlink(entry.path().c_str());
    ::close(descriptor);
  }
}

}  // namespace assay
