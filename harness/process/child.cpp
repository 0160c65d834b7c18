#include "harness/process/child.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <csignal>
#include <optional>
#include <stdexcept>

#include "harness/base/clock.h"
#include "harness/process/launch.h"
#include "harness/process/line_splitter.h"
#include "harness/process/oom_counter.h"
#include "harness/process/pause_watch.h"

namespace assay {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using Timer = asio::steady_timer;
using Buffer = std::array<char, 65536>;

/// More than a full pipe holds.
constexpr int kMostRounds = 32;

Timer::duration as_duration(double seconds) {
  return std::chrono::duration_cast<Timer::duration>(std::chrono::duration<double>(seconds));
}

/// Watches one started child in an event loop of its own.
class Watch {
 public:
  Watch(const ChildSpec& spec, const ChildCallbacks& callbacks)
      : spec_(spec),
        callbacks_(callbacks),
        lines_(spec.max_line_bytes, spec.max_output_bytes),
        oom_kills_before_(oom_kill_count()) {
    const LaunchedChild child = launch(spec);
    pid_ = child.pid;
    result_.pid = child.pid;
    pauses_.emplace(child.pid);
    out_.assign(child.out);
    err_.assign(child.err);
    out_.non_blocking(true);
    err_.non_blocking(true);
  }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  /// A callback may have thrown: nothing may stay behind.
  ~Watch() {
    if (exited_) return;
    signal_group(SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

  ChildResult run(const std::stop_token& stop, const std::stop_token& kill) {
    if (callbacks_.on_start) callbacks_.on_start(pid_);
    start();
    const std::stop_callback on_stop(stop,
                                     [this] { asio::post(io_, [this] { interrupt(false); }); });
    const std::stop_callback on_kill(kill,
                                     [this] { asio::post(io_, [this] { interrupt(true); }); });
    io_.run();
    finish();
    return result_;
  }

 private:
  void start() {
    started_ = last_line_ = monotonic_seconds();
    read_out();
    read_err();
    await_exit();
    look_again();
    if (callbacks_.on_tick) tick();
  }

  void look_again() {
    double wait = PauseWatch::kLookSeconds;
    if (spec_.timeout_seconds && !ending_) {
      wait = std::clamp(*spec_.timeout_seconds - ran_, 0.0, wait);
    }
    after(look_timer_, wait, [this] { look(); });
  }

  /// The limit counts time in which this program ran: while it was stopped, the child may have
  /// waited for it, or may have ended.
  void look() {
    if (exited_) return;
    ran_ += pauses_->look();
    if (spec_.timeout_seconds && ran_ >= *spec_.timeout_seconds && !ending_) {
      if (has_exited()) return collect_exit();
      result_.timed_out = true;
      end_politely();
    }
    look_again();
  }

  template <class Action>
  void after(Timer& timer, double seconds, Action action) {
    timer.expires_after(as_duration(seconds));
    timer.async_wait([action](const error_code& error) {
      if (!error) action();
    });
  }

  void tick() {
    after(tick_timer_, 1.0, [this] {
      callbacks_.on_tick(monotonic_seconds() - last_line_);
      tick();
    });
  }

  void read_out() {
    out_.async_read_some(asio::buffer(out_buffer_), [this](const error_code& error, std::size_t n) {
      if (error) return close_pipe(out_);
      take_output({out_buffer_.data(), n});
      read_out();
    });
  }

  void read_err() {
    err_.async_read_some(asio::buffer(err_buffer_), [this](const error_code& error, std::size_t n) {
      if (error) return close_pipe(err_);
      keep_tail({err_buffer_.data(), n});
      read_err();
    });
  }

  void take_output(std::string_view bytes) {
    if (!result_.protocol_error.empty()) return;
    try {
      lines_.feed(bytes, [this](const std::string& line) {
        last_line_ = monotonic_seconds();
        if (callbacks_.on_line) callbacks_.on_line(line);
      });
    } catch (const std::exception& error) {
      result_.protocol_error = *error.what() == 0 ? "refused" : error.what();
      signal_group(SIGKILL);
    }
  }

  void keep_tail(std::string_view bytes) {
    result_.stderr_tail += bytes;
    result_.stderr_bytes += static_cast<std::int64_t>(bytes.size());
    if (result_.stderr_tail.size() > 2 * kStderrTailBytes) cut_tail();
  }

  void cut_tail() {
    if (result_.stderr_tail.size() <= kStderrTailBytes) return;
    result_.stderr_tail.erase(0, result_.stderr_tail.size() - kStderrTailBytes);
  }

  void close_pipe(asio::posix::stream_descriptor& pipe) {
    error_code ignored;
    pipe.close(ignored);
    stop_when_done();
  }

  /// Exit is seen through a descriptor of the process; where the kernel has none, by asking.
  void await_exit() {
    const long descriptor = ::syscall(SYS_pidfd_open, pid_, 0);
    if (descriptor < 0) return poll_exit();
    exit_.assign(static_cast<int>(descriptor));
    exit_.async_wait(asio::posix::stream_descriptor::wait_read, [this](const error_code& error) {
      if (!error) collect_exit();
    });
  }

  [[nodiscard]] bool has_exited() const {
    siginfo_t info{};
    ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT);
    return info.si_pid == pid_;
  }

  void poll_exit() {
    if (has_exited()) return collect_exit();
    after(poll_timer_, 0.02, [this] { poll_exit(); });
  }

  void collect_exit() {
    if (exited_) return;
    ran_ += pauses_->look();
    result_.paused_seconds = pauses_->paused_seconds();
    result_.wall_seconds = monotonic_seconds() - started_;
    // Before the leader is collected, so that its number cannot belong to another group yet.
    signal_group(SIGKILL);
    int status = 0;
    rusage usage{};
    while (::wait4(pid_, &status, 0, &usage) < 0 && errno == EINTR) {
    }
    exited_ = true;
    if (WIFSIGNALED(status)) result_.signal = WTERMSIG(status);
    if (WIFEXITED(status)) result_.exit_code = WEXITSTATUS(status);
    result_.peak_rss_bytes = usage.ru_maxrss * 1024;
    const auto seconds = [](const timeval& t) {
      return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
    };
    result_.cpu_seconds = seconds(usage.ru_utime) + seconds(usage.ru_stime);
    look_timer_.cancel();
    grace_timer_.cancel();
    tick_timer_.cancel();
    poll_timer_.cancel();
    // A descendant that left the group may hold the pipes.
    after(drain_timer_, spec_.grace_seconds, [this] { leave_pipes(); });
    stop_when_done();
  }

  /// The time may have run out while this program was stopped: what is there is still taken.
  void leave_pipes() {
    drain(out_, out_buffer_, [this](std::string_view bytes) { take_output(bytes); });
    drain(err_, err_buffer_, [this](std::string_view bytes) { keep_tail(bytes); });
    io_.stop();
  }

  template <class Take>
  static void drain(asio::posix::stream_descriptor& pipe, Buffer& buffer, Take take) {
    error_code error;
    for (int round = 0; round < kMostRounds && pipe.is_open(); ++round) {
      const std::size_t n = pipe.read_some(asio::buffer(buffer), error);
      if (error) return;
      take(std::string_view(buffer.data(), n));
    }
  }

  void stop_when_done() {
    if (exited_ && !out_.is_open() && !err_.is_open()) io_.stop();
  }

  void interrupt(bool at_once) {
    if (exited_) return;
    result_.interrupted = !result_.timed_out;
    if (at_once) return signal_group(SIGKILL);
    end_politely();
  }

  void end_politely() {
    ending_ = true;
    signal_group(SIGTERM);
    after(grace_timer_, spec_.grace_seconds, [this] { signal_group(SIGKILL); });
  }

  /// Never after it was collected: its number may belong to others by then.
  void signal_group(int number) const {
    if (!exited_) ::kill(-pid_, number);
  }

  void finish() {
    cut_tail();
    result_.unfinished_line = lines_.has_rest();
    result_.oom_killed = oom_kill_count() > oom_kills_before_;
  }

  const ChildSpec& spec_;
  const ChildCallbacks& callbacks_;
  ChildResult result_;
  LineSplitter lines_;
  std::int64_t oom_kills_before_;
  pid_t pid_ = -1;
  bool exited_ = false, ending_ = false;
  std::optional<PauseWatch> pauses_;
  double started_ = 0, last_line_ = 0;
  double ran_ = 0;  ///< seconds that this program ran since then
  Buffer out_buffer_{}, err_buffer_{};
  asio::io_context io_{1};
  asio::posix::stream_descriptor out_{io_}, err_{io_}, exit_{io_};
  Timer look_timer_{io_}, grace_timer_{io_}, drain_timer_{io_}, tick_timer_{io_}, poll_timer_{io_};
};

}  // namespace

ChildResult run_child(const ChildSpec& spec, const ChildCallbacks& callbacks, std::stop_token stop,
                      std::stop_token kill) {
  if (stop.stop_requested() || kill.stop_requested()) {
    ChildResult result;
    result.interrupted = true;
    return result;
  }
  return Watch(spec, callbacks).run(stop, kill);
}

}  // namespace assay
