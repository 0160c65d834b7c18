#include "harness/measure/machine_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <thread>

#include "harness/base/clock.h"
#include "harness/measure/nvml.h"

namespace assay {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::milliseconds kPause{20};
constexpr double kPatienceSeconds = 0.5;
constexpr int kMostTries = 8;

/// In a sticky folder nobody, not even root, may open with O_CREAT what another user made
/// (fs.protected_regular); a file that is there is therefore opened without.
int open_lock_file(const fs::path& file) {
  for (int attempt = 0; attempt < kMostTries; ++attempt) {
    int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (descriptor >= 0 || errno != ENOENT) return descriptor;
    descriptor = ::open(file.c_str(), O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (descriptor >= 0) ::fchmod(descriptor, 0644);  // whatever the umask
    if (descriptor >= 0 || errno != EEXIST) return descriptor;
  }
  return -1;
}

/// Number of the process that holds the lock, by the line "1: FLOCK ADVISORY WRITE pid dev:inode"
/// of /proc/locks; 0 when the kernel does not tell.
long holder_of(int descriptor) {
  struct stat file {};
  if (::fstat(descriptor, &file) != 0) return 0;
  const std::string wanted =
      fmt::format("{:02x}:{:02x}:{}", major(file.st_dev), minor(file.st_dev), file.st_ino);
  std::ifstream lines("/proc/locks");
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    std::string number, kind, advisory, mode, place;
    long pid = 0;
    if (fields >> number >> kind >> advisory >> mode >> pid >> place && place == wanted) return pid;
  }
  return 0;
}

/// A cleaner of old files may have removed what we wait for, and the next one makes another.
bool is_file(int descriptor, const fs::path& file) {
  struct stat ours {
  }, theirs{};
  return ::fstat(descriptor, &ours) == 0 && ::lstat(file.c_str(), &theirs) == 0 &&
         ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;
}

bool open_to_everybody(const fs::path& folder) {
  struct stat status {};
  return ::stat(folder.c_str(), &status) == 0 && S_ISDIR(status.st_mode) &&
         (status.st_mode & S_IWOTH) != 0;
}

/// Without what a file name may not hold: identifiers of GPUs come from the environment.
std::string gpu_name(const std::string& device) {
  const std::size_t colon = device.find(':');
  const int index = colon == std::string::npos ? 0 : std::stoi(device.substr(colon + 1));
  std::string name = "gpu" + visible_device(index);
  std::replace_if(
      name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) == 0 && c != '-'; },
      '_');
  return name;
}

}  // namespace

std::vector<MachinePart> machine_parts(const std::vector<int>& cores, const std::string& device,
                                       bool alone) {
  const bool gpu = device != "cpu";
  std::vector<int> ascending = cores;
  std::sort(ascending.begin(), ascending.end());
  ascending.erase(std::unique(ascending.begin(), ascending.end()), ascending.end());
  std::vector<MachinePart> parts;
  for (const int core : ascending) parts.push_back({fmt::format("cpu{}", core), alone && !gpu});
  if (gpu) parts.push_back({gpu_name(device), alone});
  return parts;
}

fs::path lock_folder() {
  const char* chosen = std::getenv("ASSAY_LOCKS");
  if (chosen != nullptr && *chosen != 0) return chosen;
  return open_to_everybody("/run/lock") ? "/run/lock" : "/tmp";
}

MachineLock::MachineLock(const fs::path& folder, const std::vector<MachinePart>& parts,
                         const std::stop_token& stop,
                         const std::function<void(const std::string&)>& say)
    : stop_(stop), say_(say), started_(monotonic_seconds()) {
  for (const MachinePart& part : parts) {
    // Whoever waits for a part keeps its gate, and whoever comes later waits there.
    const fs::path file = folder / ("assay-" + part.name);
    if (!take(file.string() + ".gate", true) || !take(file.string() + ".lock", part.alone)) {
      let_go();
      return;
    }
    ::close(descriptors_.at(descriptors_.size() - 2));
    descriptors_.erase(descriptors_.end() - 2);
  }
  held_ = true;
}

bool MachineLock::take(const fs::path& file, bool alone) {
  while (true) {
    const int descriptor = open_lock_file(file);
    if (descriptor < 0) return fail(file);
    descriptors_.push_back(descriptor);
    if (!wait_for(descriptor, file, alone)) return false;
    if (is_file(descriptor, file)) return true;
    ::close(descriptor);
    descriptors_.pop_back();
  }
}

bool MachineLock::wait_for(int descriptor, const fs::path& file, bool alone) {
  while (::flock(descriptor, (alone ? LOCK_EX : LOCK_SH) | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) return fail(file);
    if (stop_.stop_requested()) return false;
    if (say_ && monotonic_seconds() - started_ > kPatienceSeconds) {
      const long pid = holder_of(descriptor);
      say_(fmt::format("{} is held by {}", file.string(),
                       pid > 0 ? fmt::format("process {}", pid) : "another program"));
      say_ = nullptr;
    }
    std::this_thread::sleep_for(kPause);
  }
  return true;
}

bool MachineLock::fail(const fs::path& file) {
  problem_ = fmt::format("cannot lock {}: {}", file.string(), std::strerror(errno));
  return false;
}

void MachineLock::let_go() {
  for (const int descriptor : descriptors_) ::close(descriptor);
  descriptors_.clear();
}

MachineLock::~MachineLock() { let_go(); }

}  // namespace assay
