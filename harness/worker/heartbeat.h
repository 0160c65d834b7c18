#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <system_error>
#include <thread>

#include "harness/protocol/protocol.h"

namespace assay {

/// Says "alive" from a thread of its own, so that a long kernel does not look like death.
/// Ends with its scope, before which nothing may say bye.
class Heartbeat {
 public:
  Heartbeat(ReplyWriter& writer, std::chrono::milliseconds period)
      : thread_([this, &writer, period](const std::stop_token& stop) {
          std::unique_lock lock(mutex_);
          while (!wake_.wait_for(lock, stop, period, [&] { return stop.stop_requested(); })) {
            try {
              writer.heartbeat();
            } catch (const std::system_error&) {
              return;  // nobody listens; the main thread will find out
            }
          }
        }) {}

 private:
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread thread_;  // last: ends before what it uses
};

}  // namespace assay
