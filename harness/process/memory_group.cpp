#include "harness/process/memory_group.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace assay {
namespace {

namespace fs = std::filesystem;

constexpr int kMostTries = 100;
constexpr std::chrono::milliseconds kBetweenTries{5};

/// The kernel takes a setting in one write, or not at all.
bool write_setting(const fs::path& file, std::string_view text) {
  const int out = ::open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  if (out < 0) return false;
  const bool taken = ::write(out, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  ::close(out);
  return taken;
}

bool has_word(const fs::path& file, const std::string& wanted) {
  std::ifstream words(file);
  for (std::string word; words >> word;) {
    if (word == wanted) return true;
  }
  return false;
}

/// Our own group, and the one above it: a group that holds processes can seldom have groups below
/// it, but what is handed a session (systemd's app.slice) has room beside us.
std::vector<fs::path> places(const GroupFiles& files) {
  std::ifstream lines(files.membership);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("0::/")) continue;
    const fs::path inside = fs::path(line.substr(4)).lexically_normal();
    if (inside.string().starts_with("..")) return {};
    if (inside.empty() || inside == ".") return {files.mount};
    return {files.mount / inside, (files.mount / inside).parent_path()};
  }
  return {};
}

std::string fresh_name() {
  static std::atomic<int> count = 0;
  return fmt::format("assay-{}-{}", ::getpid(), ++count);
}

}  // namespace

std::unique_ptr<MemoryGroup> MemoryGroup::make(std::int64_t limit_bytes, const GroupFiles& files) {
  for (const fs::path& place : places(files)) {
    if (!has_word(place / "cgroup.subtree_control", "memory")) continue;
    const fs::path folder = place / fresh_name();
    std::error_code refused;
    if (!fs::create_directory(folder, refused)) continue;
    const int entrance =
        ::open((folder / "cgroup.procs").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    std::unique_ptr<MemoryGroup> group(new MemoryGroup(folder, entrance));
    if (entrance < 0 || !write_setting(folder / "memory.max", std::to_string(limit_bytes))) {
      continue;
    }
    // Where there is swap, a limit of memory alone would only make it slow.
    write_setting(folder / "memory.swap.max", "0");
    return group;
  }
  return nullptr;
}

MemoryGroup::MemoryGroup(fs::path folder, int entrance)
    : folder_(std::move(folder)), entrance_(entrance) {}

MemoryGroup::~MemoryGroup() {
  if (entrance_ >= 0) ::close(entrance_);
  write_setting(folder_ / "cgroup.kill", "1");
  // It can be removed once the last process in it has been taken down.
  for (int i = 0; i < kMostTries && ::rmdir(folder_.c_str()) != 0 && errno == EBUSY; ++i) {
    std::this_thread::sleep_for(kBetweenTries);
  }
}

std::int64_t MemoryGroup::oom_kills() const {
  std::ifstream events(folder_ / "memory.events");
  std::string name;
  for (std::int64_t count = 0; events >> name >> count;) {
    if (name == "oom_kill") return count;
  }
  return 0;
}

}  // namespace assay
