#pragma once
// SIGINT, SIGTERM and SIGHUP: the first asks politely, the second insists.

#include <stop_token>
#include <string>
#include <thread>

namespace assay {

/// Turns these signals into stop requests while it lives, instead of dying of them (SIGHUP only
/// where it is not ignored, as under nohup). One at a time in a process. A thread of its own hands
/// the requests on, because a signal handler may not.
class StopHandlers {
 public:
  StopHandlers();
  ~StopHandlers();
  StopHandlers(const StopHandlers&) = delete;
  StopHandlers& operator=(const StopHandlers&) = delete;

  /// Requested by the first signal.
  [[nodiscard]] std::stop_token stop() const { return stop_.get_token(); }
  /// Requested by the second.
  [[nodiscard]] std::stop_token kill() const { return kill_.get_token(); }

 private:
  void watch(int descriptor);

  std::stop_source stop_, kill_;
  int read_end_ = -1;
  std::thread watcher_;
};

}  // namespace assay
