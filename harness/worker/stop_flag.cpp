#include "harness/worker/stop_flag.h"

#include <csignal>

namespace assay {
namespace {

StopFlag stop_requested = false;
static_assert(StopFlag::is_always_lock_free, "the handler must not lock");

void request_stop(int) { stop_requested = true; }

}  // namespace

const StopFlag& stop_flag_of_process() {
  static const bool installed = [] {
    struct sigaction action {};
    action.sa_handler = request_stop;
    action.sa_flags = SA_RESTART;
    ::sigaction(SIGTERM, &action, nullptr);
    ::sigaction(SIGINT, &action, nullptr);
    return true;
  }();
  static_cast<void>(installed);
  return stop_requested;
}

}  // namespace assay
