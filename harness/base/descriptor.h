#pragma once
// An open file of the system, and whole writes to it.

#include <string_view>
#include <utility>

namespace assay {

/// Closes what it holds.
class Descriptor {
 public:
  /// What ::open() returned; below 0: nothing.
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor();
  [[nodiscard]] int get() const { return fd_; }
  /// Returns 0 or the error: some file systems say only now that the disk is full.
  int close();

 private:
  int fd_;
};

/// Returns 0 or the error; then a part may have been written. Waits for what does not block.
int write_all(int fd, std::string_view bytes) noexcept;

/// Returns 0 or the error. Pipes and some devices have nothing to sync.
int sync_to_disk(int fd);

}  // namespace assay
