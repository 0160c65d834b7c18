#include "harness/process/launch.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/process/v2.hpp>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "harness/base/errors.h"
#include "harness/process/descendants.h"

namespace assay {
namespace {

namespace bp = boost::process::v2;
using boost::system::error_code;

/// A file descriptor that closes itself unless released.
class Descriptor {
 public:
  explicit Descriptor(int descriptor = -1) : descriptor_(descriptor) {}
  ~Descriptor() { reset(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  void reset(int descriptor = -1) {
    if (descriptor_ >= 0) ::close(descriptor_);
    descriptor_ = descriptor;
  }
  [[nodiscard]] int get() const { return descriptor_; }
  int release() { return std::exchange(descriptor_, -1); }

 private:
  int descriptor_;
};

[[noreturn]] void fail(const std::string& what, int error) {
  const bool too_many = error == EMFILE || error == ENFILE;
  throw MachineError(what + ": " + std::strerror(error) +
                     (too_many ? "; raise the limit of open files (ulimit -n)" : ""));
}

struct Pipe {
  Descriptor read, write;
  Pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) fail("cannot create a pipe", errno);
    read.reset(ends[0]);
    write.reset(ends[1]);
  }
};

/// Standard input as an anonymous file: no second pipe to serve, and no SIGPIPE when the child
/// ends without reading it.
int open_input(const std::string& text) {
  Descriptor file(::memfd_create("assay-request", MFD_CLOEXEC));
  if (file.get() < 0) fail("cannot create a file in memory", errno);
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t written = ::write(file.get(), text.data() + done, text.size() - done);
    if (written < 0 && errno != EINTR) fail("cannot write a file in memory", errno);
    done += static_cast<std::size_t>(std::max<ssize_t>(written, 0));
  }
  if (::lseek(file.get(), 0, SEEK_SET) != 0) fail("cannot rewind a file in memory", errno);
  return file.release();
}

/// Initialiser of Boost.Process v2: its functions run in the child between fork and exec, so only
/// async-signal-safe calls. An error returned there travels back and is thrown by the launcher.
struct ChildSetup {
  const ChildSpec& spec;
  int memory_group;
  std::vector<const char*> environment;
  pid_t parent = ::getpid();

  ChildSetup(const ChildSpec& child_spec, int group) : spec(child_spec), memory_group(group) {
    for (const std::string& entry : spec.environment) environment.push_back(entry.c_str());
    environment.push_back(nullptr);
  }

  template <class Launcher>
  error_code on_setup(Launcher& launcher, const boost::filesystem::path&, const char* const*&) {
    launcher.env = environment.data();
    return {};
  }

  template <class Launcher>
  error_code on_exec_setup(Launcher&, const boost::filesystem::path&, const char* const*&) {
    if (setup_group() && setup_signals() && setup_limits() && enter_folder()) {
      hide_descriptors();
      return {};
    }
    return {errno, boost::system::system_category()};
  }

  bool setup_group() const {
    if (::setpgid(0, 0) != 0 || ::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return false;
    if (::getppid() != parent) ::_exit(127);  // it died before the line above
    // Kept by exec, and no descendant's: what they leave comes to the child, see descendants.h.
    return ::prctl(PR_SET_CHILD_SUBREAPER, 1) == 0;
  }

  /// What the caller, or whoever started it, blocks or ignores, the child must not: it has to hear
  /// SIGTERM, and to learn how its own children end (SIGCHLD).
  static bool setup_signals() {
    sigset_t none;
    ::sigemptyset(&none);
    for (int number = 1; number < NSIG; ++number) {
      ::signal(number, SIG_DFL);  // refused for SIGKILL, SIGSTOP and those of the C library
    }
    return ::sigprocmask(SIG_SETMASK, &none, nullptr) == 0;
  }

  [[nodiscard]] bool entered_group() const {
    return memory_group >= 0 && ::write(memory_group, "0", 1) == 1;
  }

  bool setup_limits() const {
    const rlimit no_core{0, 0};
    if (::setrlimit(RLIMIT_CORE, &no_core) != 0) return false;
    if (!spec.memory_limit_bytes || entered_group()) return true;
    const auto bytes = static_cast<rlim_t>(*spec.memory_limit_bytes);
    const rlimit memory{bytes, bytes};
    return ::setrlimit(RLIMIT_AS, &memory) == 0;
  }

  /// The launcher's own closing skips some. Best effort: a kernel before 5.11 cannot do it, and
  /// there O_CLOEXEC on everything we open is all there is.
  static void hide_descriptors() { ::syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC); }

  bool enter_folder() const {
    return spec.working_folder.empty() || ::chdir(spec.working_folder.c_str()) == 0;
  }

  /// The launcher would leave through exit(), which flushes the parent's buffers a second time.
  template <class... Arguments>
  void on_exec_error(Arguments&&...) {
    ::_exit(127);
  }

  /// The launcher does not collect a child whose exec failed.
  template <class Launcher, class... Arguments>
  void on_error(Launcher& launcher, Arguments&&...) {
    if (launcher.pid > 0) ::waitpid(launcher.pid, nullptr, 0);
  }
};

/// Where SIGCHLD is ignored (`trap '' CHLD` of a shell is inherited), the kernel forgets at once
/// how a child ended and what it used.
void prepare_for_children() {
  struct sigaction now {};
  ::sigaction(SIGCHLD, nullptr, &now);
  const bool is_handled = (now.sa_flags & SA_SIGINFO) != 0;
  if (!is_handled && now.sa_handler == SIG_IGN) ::signal(SIGCHLD, SIG_DFL);
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
}

/// What helps depends on what was refused.
std::string remedy(const error_code& error) {
  switch (error.value()) {
    case EMFILE:
    case ENFILE:
      return "too many files are open; raise the limit (ulimit -n)";
    case EAGAIN:
      return "no more processes are allowed; end some, or raise the limit (ulimit -u)";
    case ENOMEM:
      return "there is no memory for another process; end some";
    default:
      return "check that the program is there and may be executed";
  }
}

/// Returns the pid; the child is not in the registry yet. With the lock of children held.
pid_t start(const ChildSpec& spec, ChildSetup& setup, int in, int out, int err) {
  error_code error;
  bp::posix::default_launcher launcher;
  try {
    boost::asio::io_context io;
    bp::process process =
        launcher(io.get_executor(), error, boost::filesystem::path(spec.program.string()),
                 spec.arguments, bp::process_stdio{.in = {in}, .out = {out}, .err = {err}}, setup);
    // We collect the exit ourselves, with the resources it used.
    if (!error) return process.detach().id();
  } catch (const boost::system::system_error& failed) {
    // No descriptor was left for a child that runs already.
    if (launcher.pid > 0) {
      ::kill(launcher.pid, SIGKILL);
      ::waitpid(launcher.pid, nullptr, 0);
    }
    error = failed.code();
  }
  throw MachineError("cannot start " + spec.program.string() + ": " + error.message() + "; " +
                     remedy(error));
}

LaunchedChild launch_with(const ChildSpec& spec, const Descriptor& input, int memory_group) {
  prepare_for_children();
  Pipe out, err;
  ChildSetup setup(spec, memory_group);
  // The launcher's own pipe is close-on-exec only a moment after its creation: another child
  // started in that moment would keep it open.
  const auto lock = lock_children();
  const pid_t pid = start(spec, setup, input.get(), out.write.get(), err.write.get());
  add_child(pid);
  return {.pid = pid, .in = -1, .out = out.read.release(), .err = err.read.release()};
}

}  // namespace

LaunchedChild launch(const ChildSpec& spec, int memory_group) {
  return launch_with(spec, Descriptor(open_input(spec.input)), memory_group);
}

LaunchedChild launch_with_open_input(const ChildSpec& spec, int memory_group) {
  // A socket, because sending can do without SIGPIPE when the child has ended.
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    fail("cannot create a socket", errno);
  }
  Descriptor ours(ends[0]);
  const Descriptor theirs(ends[1]);
  LaunchedChild child = launch_with(spec, theirs, memory_group);
  child.in = ours.release();
  return child;
}

}  // namespace assay
