#pragma once
// One program at a time makes an entry of the cache.

#include <filesystem>
#include <functional>
#include <stop_token>

namespace assay {

/// Holds the advisory lock of `<path>.lock` (created beside `path`, and left there) as long as it
/// lives; other programs and threads that ask for it wait. Ends early, without the lock, when
/// `stop` is asked for or when the lock file cannot be made: whoever writes there will say why.
/// `on_wait` is called once when somebody else holds it.
class FileLock {
 public:
  FileLock(const std::filesystem::path& path, const std::stop_token& stop,
           const std::function<void()>& on_wait = {});
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;
  [[nodiscard]] bool held() const { return held_; }

 private:
  int descriptor_ = -1;
  bool held_ = false;
};

}  // namespace assay
