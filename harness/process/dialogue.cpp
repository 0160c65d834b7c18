#include "harness/process/dialogue.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <string_view>
#include <thread>
#include <utility>

#include "harness/base/clock.h"
#include "harness/base/errors.h"
#include "harness/process/classify.h"
#include "harness/process/descendants.h"
#include "harness/process/launch.h"

namespace assay {
namespace {

constexpr double kForever = 1e9;
constexpr int kMostWaitMilliseconds = 1000;
constexpr std::chrono::milliseconds kLook{10};

void close_end(int& descriptor) {
  if (descriptor >= 0) ::close(std::exchange(descriptor, -1));
}

/// Without collecting it: until then its number, and its group's, belong to nobody else.
bool has_exited(pid_t pid) {
  siginfo_t info{};
  ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT);
  return info.si_pid == pid;
}

std::string described_end(int status) {
  if (WIFSIGNALED(status)) return "was ended by " + signal_name(WTERMSIG(status));
  return fmt::format("ended with exit code {}", WEXITSTATUS(status));
}

}  // namespace

Dialogue::Dialogue(const ChildSpec& spec)
    : spec_(spec), lines_(spec.max_line_bytes, spec.max_output_bytes) {
  const LaunchedChild child = launch_with_open_input(spec);
  pid_ = child.pid;
  in_ = child.in;
  out_ = child.out;
  err_ = child.err;
  // A descendant that left the group may hold it open for ever.
  ::fcntl(err_, F_SETFL, O_NONBLOCK);
}

Dialogue::~Dialogue() {
  end(spec_.grace_seconds);
  close_end(out_);
  close_end(err_);
}

std::string Dialogue::exchange(const std::string& line) {
  if (pid_ < 0) fail(how_it_ended_);
  const double deadline = monotonic_seconds() + spec_.timeout_seconds.value_or(kForever);
  std::string unsent = line + "\n";
  while (answers_.empty()) {
    send(unsent);
    wait(deadline, !unsent.empty());
  }
  std::string answer = std::move(answers_.front());
  answers_.pop_front();
  return answer;
}

/// As much as goes at once: a child that answers before it has read all must be heard meanwhile.
void Dialogue::send(std::string& unsent) const {
  if (unsent.empty()) return;
  const ssize_t sent = ::send(in_, unsent.data(), unsent.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent >= 0) {
    unsent.erase(0, static_cast<std::size_t>(sent));
  } else if (errno != EINTR && errno != EAGAIN) {
    unsent.clear();  // it has ended: what it wrote before says more than this error does
  }
}

/// Reads what the child writes, or returns when it takes input again.
void Dialogue::wait(double deadline, bool is_sending) {
  std::array<pollfd, 3> ends = {pollfd{out_, POLLIN, 0}, pollfd{err_, POLLIN, 0},
                                pollfd{is_sending ? in_ : -1, POLLOUT, 0}};
  const double left = std::clamp(deadline - monotonic_seconds(), 0.0, 1.0);
  const int ready =
      ::poll(ends.data(), ends.size(), static_cast<int>(left * kMostWaitMilliseconds));
  if (ready < 0 && errno != EINTR) fail(std::string("cannot be heard: ") + std::strerror(errno));
  if (ready > 0 && ends[1].revents != 0) read_from(err_, false);
  if (ready > 0 && ends[0].revents != 0 && !read_from(out_, true)) collect();
  if (answers_.empty() && monotonic_seconds() >= deadline) {
    end(0);
    fail(fmt::format("gave no answer within {} s", spec_.timeout_seconds.value_or(kForever)));
  }
}

/// After its output has ended: the rest of its complaints, and how it ended.
void Dialogue::collect() {
  end(spec_.grace_seconds);
  while (err_ >= 0 && read_from(err_, false)) {
  }
  fail(how_it_ended_);
}

/// False at the end, which closes the descriptor.
bool Dialogue::read_from(int& descriptor, bool is_output) {
  std::array<char, 65536> buffer;
  const ssize_t count = ::read(descriptor, buffer.data(), buffer.size());
  if (count < 0 && errno == EINTR) return true;
  if (count <= 0) {
    close_end(descriptor);
    return false;
  }
  const std::string_view bytes(buffer.data(), static_cast<std::size_t>(count));
  if (!is_output) {
    stderr_tail_ += bytes;
    if (stderr_tail_.size() > kStderrTailBytes) {
      stderr_tail_.erase(0, stderr_tail_.size() - kStderrTailBytes);
    }
    return true;
  }
  try {
    lines_.feed(bytes, [this](const std::string& line) { answers_.push_back(line); });
  } catch (const std::runtime_error& error) {
    end(0);
    fail(error.what());
  }
  return true;
}

void Dialogue::end(double grace_seconds) {
  if (pid_ < 0) return;
  close_end(in_);
  const double deadline = monotonic_seconds() + grace_seconds;
  while (!has_exited(pid_) && monotonic_seconds() < deadline) std::this_thread::sleep_for(kLook);
  ::kill(-pid_, SIGKILL);
  const pid_t pid = std::exchange(pid_, -1);
  try {
    how_it_ended_ = described_end(collect_child(pid));
  } catch (const MachineError& error) {
    how_it_ended_ = error.what();
  }
}

void Dialogue::fail(const std::string& why) {
  constexpr std::size_t kShown = 2000;
  const std::size_t from = stderr_tail_.size() - std::min(stderr_tail_.size(), kShown);
  throw DialogueError(fmt::format("{} {}{}{}", spec_.program.filename().string(), why,
                                  stderr_tail_.empty() ? "" : "; the end of its standard error:\n",
                                  stderr_tail_.substr(from)));
}

}  // namespace assay
