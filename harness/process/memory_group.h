#pragma once
// A control group (version 2) that limits the memory of a child and of all its descendants.
// Internal to harness/process.

#include <cstdint>
#include <filesystem>
#include <memory>

namespace assay {

/// Where the kernel shows control groups, and which one this process is in; others in tests.
struct GroupFiles {
  std::filesystem::path mount = "/sys/fs/cgroup";
  std::filesystem::path membership = "/proc/self/cgroup";
};

class MemoryGroup {
 public:
  /// A fresh group below this process's own or beside it. Null where that cannot be: no version 2,
  /// no memory controller handed down, or no right to write there; then RLIMIT_AS is all there is.
  static std::unique_ptr<MemoryGroup> make(std::int64_t limit_bytes, const GroupFiles& files = {});
  /// Kills whoever is left in it, and removes it.
  ~MemoryGroup();
  MemoryGroup(const MemoryGroup&) = delete;
  MemoryGroup& operator=(const MemoryGroup&) = delete;

  /// A process enters by writing "0" here (close-on-exec).
  [[nodiscard]] int entrance() const { return entrance_; }
  /// How often the kernel killed one of it for its memory.
  [[nodiscard]] std::int64_t oom_kills() const;
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }

 private:
  MemoryGroup(std::filesystem::path folder, int entrance);

  std::filesystem::path folder_;
  int entrance_;
};

}  // namespace assay
