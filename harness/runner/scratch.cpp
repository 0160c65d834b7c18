#include "harness/runner/scratch.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <system_error>

#include "harness/base/clock.h"
#include "harness/base/files.h"

namespace assay {
namespace {

namespace fs = std::filesystem;

fs::path scratch_root() { return assay_home() / "scratch"; }

/// A descriptor of the folder that holds its lock, or -1.
int locked(const fs::path& folder) {
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0 || ::flock(descriptor, LOCK_EX | LOCK_NB) == 0) return descriptor;
  ::close(descriptor);
  return -1;
}

/// A folder is made a moment before it is locked.
bool older_than(const fs::path& folder, std::chrono::seconds age) {
  std::error_code failed;
  const auto written = fs::last_write_time(folder, failed);
  return !failed && fs::file_time_type::clock::now() - written >= age;
}

}  // namespace

ScratchFolder::ScratchFolder()
    : path_(ensure_folder(scratch_root() / new_uuid())), descriptor_(locked(path_)) {}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
  if (descriptor_ >= 0) ::close(descriptor_);
}

void remove_abandoned_scratch(std::chrono::seconds age) {
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(scratch_root(), ignored)) {
    if (!entry.is_directory(ignored) || !older_than(entry.path(), age)) continue;
    const int descriptor = locked(entry.path());
    if (descriptor < 0) continue;
    fs::remove_all(entry.path(), ignored);
    ::close(descriptor);
  }
}

}  // namespace assay
