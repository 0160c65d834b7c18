#pragma once
// One child process: started, fed, watched, limited, ended and accounted for.
//
// The child leads its own process group. It dies with the thread that started it (PDEATHSIG), gets
// exactly the environment that was listed, the default way with every signal and none blocked, no
// descriptor but 0, 1 and 2, and no core dump. When it has ended its group is killed, and so is
// whatever it left running in groups and sessions of its own.
//
// The first child makes this program a "subreaper" (PR_SET_CHILD_SUBREAPER), and takes back an
// ignored SIGCHLD.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

namespace assay {

struct ChildSpec {
  std::filesystem::path program;  ///< a path, not looked up in PATH
  std::vector<std::string> arguments;
  std::vector<std::string> environment;   ///< "NAME=value", complete: nothing is inherited
  std::string input;                      ///< whole standard input
  std::filesystem::path working_folder;   ///< empty: the caller's
  std::optional<double> timeout_seconds;  ///< of time in which this program ran, not stopped
  double grace_seconds = 2;               ///< between SIGTERM and SIGKILL, and for pipes left open
  /// What the child and its descendants may use, by a control group of version 2 where one can be
  /// made. Else RLIMIT_AS, for each process: CPU only, CUDA reserves far more address space than it
  /// uses.
  std::optional<std::int64_t> memory_limit_bytes;
  std::size_t max_line_bytes = std::size_t{4} << 20;      ///< of standard output
  std::size_t max_output_bytes = std::size_t{256} << 20;  ///< likewise, in all
};

/// Called on the thread of run_child, between its waits.
struct ChildCallbacks {
  /// The child runs now.
  std::function<void(std::int64_t pid)> on_start;
  /// A line of standard output without its newline. An exception ends the child and becomes
  /// ChildResult::protocol_error.
  std::function<void(const std::string& line)> on_line;
  /// About once a second, with the seconds since the last line: no heartbeat, or a sign of life.
  std::function<void(double silent_seconds)> on_tick;
};

struct ChildResult {
  std::int64_t pid = 0;  ///< 0: stopped before it was started
  int exit_code = 0;     ///< meaningful when signal == 0
  int signal = 0;        ///< that ended the child, 0 for none
  bool timed_out = false;
  bool interrupted = false;      ///< ended because of the stop token
  std::string protocol_error;    ///< why its output was refused; empty = fine
  bool unfinished_line = false;  ///< output ended without a newline; the rest was dropped
  bool lives_on = false;         ///< of a LastingChild: it has answered and waits for more
  /// The kernel's out-of-memory killer struck meanwhile, in the child's control group or in ours.
  bool oom_killed = false;
  /// Address space of the child as far as it was seen; 0 without a memory limit, or of a short
  /// life.
  std::int64_t peak_address_bytes = 0;
  /// As the kernel reports it; at least the resident set of this program when it started the child.
  std::int64_t peak_rss_bytes = 0;
  double cpu_seconds = 0;  ///< user + system, with descendants that were waited for
  double wall_seconds = 0;
  /// That this program, the child or the machine stood still meanwhile: its times mean nothing.
  double paused_seconds = 0;
  std::string stderr_tail;        ///< the last 64 KiB
  std::int64_t stderr_bytes = 0;  ///< all that was written there
};

inline constexpr std::size_t kStderrTailBytes = std::size_t{64} << 10;

/// Runs the child to its end. Sleeps in between; safe to call from several threads.
/// `stop`: SIGTERM to the group, SIGKILL after the grace time. `kill`: SIGKILL at once.
/// Throws MachineError when the program cannot be started.
ChildResult run_child(const ChildSpec& spec, const ChildCallbacks& callbacks = {},
                      std::stop_token stop = {}, std::stop_token kill = {});

}  // namespace assay
