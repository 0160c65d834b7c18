#include "harness/process/foreground.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "harness/base/errors.h"

namespace assay {
namespace {

/// As system() does: the signals of the terminal reach the program alone.
class TerminalSignalsIgnored {
 public:
  TerminalSignalsIgnored() {
    struct sigaction ignore {};
    ignore.sa_handler = SIG_IGN;
    ::sigaction(SIGINT, &ignore, &interrupt_);
    ::sigaction(SIGQUIT, &ignore, &quit_);
  }
  ~TerminalSignalsIgnored() {
    ::sigaction(SIGINT, &interrupt_, nullptr);
    ::sigaction(SIGQUIT, &quit_, nullptr);
  }
  TerminalSignalsIgnored(const TerminalSignalsIgnored&) = delete;
  TerminalSignalsIgnored& operator=(const TerminalSignalsIgnored&) = delete;

 private:
  struct sigaction interrupt_ {
  }, quit_{};
};

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> list;
  for (std::string& text : texts) list.push_back(text.data());
  list.push_back(nullptr);
  return list;
}

pid_t spawn(const ForegroundSpec& spec) {
  posix_spawn_file_actions_t files;
  ::posix_spawn_file_actions_init(&files);
  if (!spec.input.empty()) {
    ::posix_spawn_file_actions_addopen(&files, STDIN_FILENO, spec.input.c_str(), O_RDONLY, 0);
  }
  if (!spec.output.empty()) {
    ::posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, spec.output.c_str(),
                                       O_WRONLY | O_CREAT | O_TRUNC, 0644);
  }
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  sigset_t usual, none;
  ::sigemptyset(&none);
  ::sigemptyset(&usual);
  for (const int number : {SIGINT, SIGQUIT, SIGPIPE, SIGTERM, SIGHUP}) ::sigaddset(&usual, number);
  ::posix_spawnattr_setsigdefault(&attributes, &usual);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  std::vector<std::string> arguments = spec.arguments, environment = spec.environment;
  arguments.insert(arguments.begin(), spec.program.string());
  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, spec.program.c_str(), &files, &attributes,
                                  pointers(arguments).data(), pointers(environment).data());
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&files);
  if (error == 0) return pid;
  throw MachineError("cannot start " + spec.program.string() + ": " + std::strerror(error));
}

}  // namespace

ForegroundEnd run_in_foreground(const ForegroundSpec& spec) {
  const TerminalSignalsIgnored ignored;
  const pid_t pid = spawn(spec);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFSIGNALED(status)) return {.exit_code = 0, .signal = WTERMSIG(status)};
  return {.exit_code = WEXITSTATUS(status), .signal = 0};
}

}  // namespace assay
