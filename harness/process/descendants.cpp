#include "harness/process/descendants.h"

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "harness/base/clock.h"
#include "harness/base/errors.h"

namespace assay {
namespace {

namespace fs = std::filesystem;

/// A killed process goes at once, unless the kernel is at something for it (a disk).
constexpr double kMostSecondsToGo = 5;
constexpr std::chrono::milliseconds kLookAgain{2};

std::mutex& children_mutex() {
  static std::mutex mutex;
  return mutex;
}

std::set<pid_t>& children() {
  static std::set<pid_t> pids;
  return pids;
}

struct Relatives {
  pid_t parent = 0, group = 0;
};

Relatives relatives_of(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  // "PID (NAME) STATE PARENT GROUP ...": a name may hold anything.
  const std::size_t name_end = text.rfind(") ");
  if (name_end == std::string::npos) return {};
  const char* rest = text.c_str() + name_end + 3;
  char* next = nullptr;
  const long parent = std::strtol(rest, &next, 10);
  return {static_cast<pid_t>(parent), static_cast<pid_t>(std::strtol(next, nullptr, 10))};
}

/// From the kernel's own lists; false where it was built without them.
bool list_children(std::vector<pid_t>& pids) {
  std::error_code gone;
  for (const fs::directory_entry& task : fs::directory_iterator("/proc/self/task", gone)) {
    std::ifstream list(task.path() / "children");
    if (!list && fs::exists(task.path(), gone)) return false;
    for (pid_t pid = 0; list >> pid;) pids.push_back(pid);
  }
  return true;
}

void search_children(std::vector<pid_t>& pids) {
  std::error_code gone;
  for (const fs::directory_entry& process : fs::directory_iterator("/proc", gone)) {
    const int pid = std::atoi(process.path().filename().c_str());
    if (pid > 0 && relatives_of(pid).parent == ::getpid()) pids.push_back(pid);
  }
}

/// Kills those that children left, and returns them: what they left in turn comes to us only then.
std::vector<pid_t> kill_left() {
  const std::lock_guard lock(children_mutex());
  std::vector<pid_t> all, left;
  if (!list_children(all)) {
    all.clear();
    search_children(all);
  }
  for (const pid_t pid : all) {
    const Relatives relatives = relatives_of(pid);
    if (children().contains(pid) || relatives.parent != ::getpid()) continue;
    if (relatives.group == ::getpgrp()) continue;
    left.push_back(pid);
    if (relatives.group > 1 && !children().contains(relatives.group)) {
      ::kill(-relatives.group, SIGKILL);
    }
    ::kill(pid, SIGKILL);
  }
  return left;
}

void end_left() {
  const double deadline = monotonic_seconds() + kMostSecondsToGo;
  for (auto left = kill_left(); !left.empty(); left = kill_left()) {
    bool collected = false;
    for (const pid_t pid : left) collected = ::waitpid(pid, nullptr, WNOHANG) == pid || collected;
    if (monotonic_seconds() > deadline) return;
    if (!collected) std::this_thread::sleep_for(kLookAgain);
  }
}

void await_end(pid_t pid) {
  siginfo_t info{};
  while (::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT) != 0 && errno == EINTR) {
  }
}

/// With the lock held, so that its number cannot be another child's between the two.
int collect(pid_t pid, rusage* usage) {
  int status = 0;
  pid_t result = -1;
  do {
    result = ::wait4(pid, &status, 0, usage);
  } while (result < 0 && errno == EINTR);
  children().erase(pid);
  if (result == pid) return status;
  throw MachineError(fmt::format(
      "how the process {} ended is lost: another part of this program collected it", pid));
}

}  // namespace

std::unique_lock<std::mutex> lock_children() { return std::unique_lock(children_mutex()); }

void add_child(pid_t pid) { children().insert(pid); }

int collect_child(pid_t pid, rusage* usage) {
  await_end(pid);
  int status = 0;
  {
    const auto lock = lock_children();
    // Before the leader is collected, so that its number cannot belong to another group yet.
    ::kill(-pid, SIGKILL);
    status = collect(pid, usage);
  }
  end_left();
  return status;
}

}  // namespace assay
