#include "harness/base/temporary.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

#include "harness/base/clock.h"

namespace assay {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kEnding = ".tmp";

fs::path fresh_sibling(const fs::path& path) {
  return path.parent_path() /
         ("." + path.filename().string() + "." + new_uuid().substr(0, 8) + std::string(kEnding));
}

/// False for what was removed after it was opened.
bool is_at(int descriptor, const fs::path& path) {
  struct stat opened {
  }, there{};
  return ::fstat(descriptor, &opened) == 0 && ::lstat(path.c_str(), &there) == 0 &&
         opened.st_dev == there.st_dev && opened.st_ino == there.st_ino;
}

/// Whoever removes what is abandoned may take this for such in the moment before the lock; then
/// false. Where locks do not work nobody can, and nothing is ever taken for abandoned.
bool kept_by_lock(int descriptor, const fs::path& path) {
  int result = 0;
  do {
    result = ::flock(descriptor, LOCK_EX);
  } while (result != 0 && errno == EINTR);
  return is_at(descriptor, path);
}

template <typename Open>
Temporary make(const fs::path& path, Open open_it) {
  while (true) {
    Descriptor descriptor(open_it(path));
    if (descriptor.get() < 0) return {path, Descriptor(-1), errno};
    if (kept_by_lock(descriptor.get(), path)) return {path, std::move(descriptor), 0};
  }
}

int open_file(const fs::path& path) {
  return ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
}

int open_folder(const fs::path& path) {
  int descriptor = -1;
  do {
    if (::mkdir(path.c_str(), 0777) != 0 && errno != EEXIST) return -1;
    descriptor = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  } while (descriptor < 0 && errno == ENOENT);  // taken before it was opened
  return descriptor;
}

}  // namespace

Temporary make_temporary_file(const fs::path& path) { return make(fresh_sibling(path), open_file); }

Temporary make_temporary_folder(const fs::path& path) {
  return make(fresh_sibling(path), open_folder);
}

Temporary make_locked_folder(const fs::path& path) { return make(path, open_folder); }

void remove_unheld(const fs::path& path) {
  const Descriptor held(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (held.get() < 0 || ::flock(held.get(), LOCK_EX | LOCK_NB) != 0) return;
  std::error_code ignored;
  if (is_at(held.get(), path)) fs::remove_all(path, ignored);
}

void remove_abandoned_temporaries(const fs::path& folder, std::string_view name) {
  const std::string beginning = "." + std::string(name) + (name.empty() ? "" : ".");
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, ignored)) {
    const std::string file = entry.path().filename().string();
    if (file.starts_with(beginning) && file.ends_with(kEnding)) remove_unheld(entry.path());
  }
}

}  // namespace assay
