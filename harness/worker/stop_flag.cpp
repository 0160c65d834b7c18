#include "harness/worker/stop_flag.h"

#include <unistd.h>

#include <csignal>

namespace assay {
namespace {

StopFlag stop_requested = false;
static_assert(StopFlag::is_always_lock_free, "the handler must not lock");
volatile unsigned patience = 0;

void handle(int number, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  ::sigaction(number, &action, nullptr);
}

void die(int) {
  ::signal(SIGTERM, SIG_DFL);
  ::raise(SIGTERM);
}

void request_stop(int) {
  stop_requested = true;
  handle(SIGTERM, die);
  handle(SIGINT, die);
  handle(SIGALRM, die);
  ::alarm(patience);
}

}  // namespace

const StopFlag& stop_flag_of_process(unsigned patience_seconds) {
  static const bool installed = [patience_seconds] {
    patience = patience_seconds;
    handle(SIGTERM, request_stop);
    handle(SIGINT, request_stop);
    return true;
  }();
  static_cast<void>(installed);
  return stop_requested;
}

}  // namespace assay
