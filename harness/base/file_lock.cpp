#include "harness/base/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <thread>
#include <utility>

namespace assay {
namespace {

constexpr std::chrono::milliseconds kPause{20};

}  // namespace

FileLock::FileLock(const std::filesystem::path& path, const std::stop_token& stop,
                   const std::function<void()>& on_wait)
    : descriptor_(::open((path.string() + ".lock").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0644)) {
  bool said = !on_wait;
  while (descriptor_ >= 0 && !stop.stop_requested()) {
    held_ = ::flock(descriptor_, LOCK_EX | LOCK_NB) == 0;
    if (held_ || (errno != EWOULDBLOCK && errno != EINTR)) return;
    if (!std::exchange(said, true)) on_wait();
    std::this_thread::sleep_for(kPause);
  }
}

FileLock::~FileLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

}  // namespace assay
