// A child that misbehaves in one chosen way. Usage: process_fixture MODE [ARGUMENT]

#include <dirent.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include "harness/process/child.h"
#include "harness/protocol/protocol.h"

extern char** environ;

namespace {

using Argument = const std::string&;

constexpr std::size_t kFiveMegabytes = std::size_t{5} << 20;

void print(const std::string& text, int descriptor = STDOUT_FILENO) {
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t written = ::write(descriptor, text.data() + done, text.size() - done);
    if (written <= 0) std::abort();
    done += static_cast<std::size_t>(written);
  }
}

int segv(Argument) {
  std::raise(SIGSEGV);
  return 0;
}

int abort_now(Argument) { std::abort(); }

[[noreturn]] int sleep_forever(Argument) {
  print("sleeping\n");
  for (;;) ::pause();
}

int ignore_terminate(Argument) {
  std::signal(SIGTERM, SIG_IGN);
  sleep_forever("");
}

/// Asks for memory until operator new gives up; nobody catches it.
int out_of_memory(Argument) {
  std::vector<std::vector<char>> kept;
  for (;;) kept.emplace_back(std::size_t{64} << 20);
}

/// Touches this many MiB and ends well.
int touch(Argument mebibytes) {
  std::vector<char> memory(std::stoull(mebibytes) << 20, 1);
  print(std::to_string(memory.back()) + "\n");
  return 0;
}

/// Leaves a grandchild that keeps standard output open; with "escape" in a session of its own,
/// where killing the group does not reach it.
int grandchild(Argument how) {
  if (::fork() == 0) {
    if (how == "escape") ::setsid();
    ::sleep(20);
    ::_exit(0);
  }
  print("parent done\n");
  return 0;
}

/// Leaves a daemon in a session of its own, whose parent is nobody of ours any more; tells its pid.
/// Then ends, or waits, as told.
int leave_daemon(Argument then) {
  const pid_t middle = ::fork();
  if (middle == 0) {
    ::setsid();
    if (::fork() == 0) {
      print(std::to_string(::getpid()) + "\n");
      std::signal(SIGTERM, SIG_IGN);
      for (;;) ::pause();
    }
    ::_exit(0);
  }
  ::waitpid(middle, nullptr, 0);
  ::usleep(100000);
  if (then == "wait") sleep_forever("");
  if (then == "segv") std::raise(SIGSEGV);
  return 0;
}

/// Daemons that make daemons, each in a session of its own; tells their pids. Ends by itself after
/// some generations, in case nobody ends it.
int daemons_of_daemons(Argument generations) {
  for (int left = std::stoi(generations); left > 0; --left) {
    if (::fork() == 0) {
      ::setsid();
      print(std::to_string(::getpid()) + "\n");
      ::usleep(20000);
      continue;
    }
    if (left == std::stoi(generations)) {
      ::usleep(150000);
      return 0;
    }
    ::sleep(20);
    ::_exit(0);
  }
  ::sleep(20);
  return 0;
}

/// Which signals it was born to ignore or block, as the kernel writes them.
int dispositions(Argument) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("SigIgn") || line.starts_with("SigBlk")) print(line + "\n");
  }
  return 0;
}

/// Reserves address space up to this many MiB in all, waits to be seen, and faults.
int map_and_fault(Argument mebibytes) {
  const std::size_t bytes = std::stoull(mebibytes) << 20;
  while (::mmap(nullptr, std::size_t{1} << 20, PROT_NONE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) != MAP_FAILED) {
    static std::size_t mapped = 0;
    if ((mapped += std::size_t{1} << 20) >= bytes) break;
  }
  assay::ReplyWriter(STDOUT_FILENO).hello({{"fixture", true}});
  ::usleep(700000);
  std::raise(SIGSEGV);
  return 0;
}

/// Runs this program again, as one would that was started with SIGCHLD ignored.
int spin_unheard(Argument) {
  std::signal(SIGCHLD, SIG_IGN);
  assay::ChildSpec spec;
  spec.program = "/proc/self/exe";
  spec.arguments = {"spin", "0.2"};
  const assay::ChildResult result = assay::run_child(spec);
  print(result.cpu_seconds > 0.15 && result.peak_rss_bytes > 0 ? "accounted\n" : "zeros\n");
  return 0;
}

int flood(Argument) {
  const std::string line = std::string(1023, 'x') + "\n";
  for (std::size_t done = 0; done < kFiveMegabytes; done += line.size()) {
    print(line);
    print(line, STDERR_FILENO);
  }
  return 0;
}

int endless_line(Argument) {
  for (;;) print(std::string(65536, 'x'));
}

int write_text(Argument text) {
  print(text);
  return 0;
}

int half_line_and_die(Argument) {
  print("whole\nhal");
  std::raise(SIGKILL);
  return 0;
}

int exit_with(Argument code) { return std::stoi(code); }

int echo(Argument) {
  std::string text((std::istreambuf_iterator<char>(std::cin)), {});
  print(text);
  return 0;
}

void spin_for(double seconds) {
  const double end = static_cast<double>(std::clock()) / CLOCKS_PER_SEC + seconds;
  while (static_cast<double>(std::clock()) / CLOCKS_PER_SEC < end) {
  }
}

/// Answers lines until its input ends: "say X", "spin S" (seconds of CPU time), "sleep S", "hold M"
/// (MiB), "die", "hush" (no answer any more); each answer ends with the line "done".
int converse(Argument end_code) {
  std::vector<char> held;
  std::string what, how;
  while (std::cin >> what >> how) {
    if (what == "say") print(how + "\n");
    if (what == "spin") spin_for(std::stod(how));
    if (what == "sleep") ::usleep(static_cast<useconds_t>(std::stod(how) * 1e6));
    if (what == "hold") held.assign(std::stoull(how) << 20, 1);
    if (what == "die") std::raise(std::stoi(how));
    if (what == "hush") continue;
    print("done\n");
  }
  return end_code.empty() ? 0 : std::stoi(end_code);
}

int show_environment(Argument) {
  for (char** entry = environ; *entry != nullptr; ++entry) print(std::string(*entry) + "\n");
  return 0;
}

int show_descriptors(Argument) {
  DIR* folder = ::opendir("/proc/self/fd");
  while (const dirent* entry = ::readdir(folder)) {
    const int descriptor = std::atoi(entry->d_name);
    if (entry->d_name[0] != '.' && descriptor != ::dirfd(folder)) {
      print(std::to_string(descriptor) + "\n");
    }
  }
  ::closedir(folder);
  return 0;
}

int show_folder(Argument) {
  char path[4096];
  if (::getcwd(path, sizeof path) == nullptr) return 1;
  print(std::string(path) + "\n");
  return 0;
}

int spin(Argument seconds) {
  spin_for(std::stod(seconds));
  return 0;
}

/// A worker that says all it should, then ends as told: "0" well, another code badly, "silent"
/// without bye.
int reply(Argument end) {
  assay::ReplyWriter writer(STDOUT_FILENO);
  writer.hello({{"fixture", true}});
  writer.outcome({assay::Outcome::kOk, "", ""});
  if (end == "silent") return 0;
  writer.bye();
  return std::stoi(end);
}

/// Runs this program again as a child, tells its pid, waits: for the test that kills us.
int nest(Argument) {
  assay::ChildSpec spec;
  spec.program = "/proc/self/exe";
  spec.arguments = {"sleep"};
  assay::run_child(spec, {.on_start = [](std::int64_t pid) { print(std::to_string(pid) + "\n"); },
                          .on_line = {},
                          .on_tick = {}});
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  const std::map<std::string, std::function<int(Argument)>> modes = {
      {"segv", segv},
      {"abort", abort_now},
      {"sleep", sleep_forever},
      {"ignore_terminate", ignore_terminate},
      {"out_of_memory", out_of_memory},
      {"touch", touch},
      {"grandchild", grandchild},
      {"daemon", leave_daemon},
      {"bomb", daemons_of_daemons},
      {"dispositions", dispositions},
      {"map_and_fault", map_and_fault},
      {"spin_unheard", spin_unheard},
      {"flood", flood},
      {"endless_line", endless_line},
      {"write", write_text},
      {"half_line", half_line_and_die},
      {"exit", exit_with},
      {"converse", converse},
      {"echo", echo},
      {"environment", show_environment},
      {"descriptors", show_descriptors},
      {"folder", show_folder},
      {"spin", spin},
      {"reply", reply},
      {"nest", nest},
  };
  const auto mode = modes.find(count > 1 ? arguments[1] : "");
  if (mode == modes.end()) {
    std::fputs("unknown mode\n", stderr);
    return 64;
  }
  return mode->second(count > 2 ? arguments[2] : "");
}
