#include "harness/runner/stop.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "harness/base/errors.h"

namespace assay {
namespace {

constexpr char kSignalled = 's';
constexpr char kFinished = 'f';

/// Written by the handler; a handler can reach nothing but a global.
volatile int signal_pipe = -1;
struct sigaction previous_int {};
struct sigaction previous_term {};
struct sigaction previous_hang_up {};

void on_signal(int) {
  const int saved = errno;
  const char byte = kSignalled;
  [[maybe_unused]] const ssize_t written = ::write(signal_pipe, &byte, 1);
  errno = saved;
}

/// Whoever started us may have blocked them, and a blocked signal never arrives.
void hear_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&signals, number);
  ::pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
}

}  // namespace

StopHandlers::StopHandlers() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) {
    throw MachineError(std::string("cannot create a pipe: ") + std::strerror(errno) +
                       "; where too many files are open, raise the limit (ulimit -n)");
  }
  read_end_ = ends[0];
  signal_pipe = ends[1];
  hear_signals();
  watcher_ = std::thread([this] { watch(read_end_); });
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  ::sigaction(SIGINT, &action, &previous_int);
  ::sigaction(SIGTERM, &action, &previous_term);
  ::sigaction(SIGHUP, &action, &previous_hang_up);
  // Under nohup a run outlives its terminal.
  if (previous_hang_up.sa_handler == SIG_IGN) ::sigaction(SIGHUP, &previous_hang_up, nullptr);
}

StopHandlers::~StopHandlers() {
  ::sigaction(SIGINT, &previous_int, nullptr);
  ::sigaction(SIGTERM, &previous_term, nullptr);
  ::sigaction(SIGHUP, &previous_hang_up, nullptr);
  const char byte = kFinished;
  [[maybe_unused]] const ssize_t written = ::write(signal_pipe, &byte, 1);
  watcher_.join();
  ::close(signal_pipe);
  ::close(read_end_);
  signal_pipe = -1;
}

void StopHandlers::watch(int descriptor) {
  char byte = 0;
  while (true) {
    const ssize_t got = ::read(descriptor, &byte, 1);
    if (got < 0 && errno == EINTR) continue;
    if (got != 1 || byte == kFinished) return;
    if (!stop_.request_stop()) kill_.request_stop();
  }
}

}  // namespace assay
