#include "harness/runner/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>

#include "harness/base/clock.h"

namespace assay {
namespace {

constexpr double kLiveEverySeconds = 0.1;

std::size_t terminal_width() {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col < 20) return 80;
  return size.ws_col;
}

}  // namespace

StderrProgress::StderrProgress() : terminal_(::isatty(STDERR_FILENO) == 1) {}

StderrProgress::~StderrProgress() { clear(); }

void StderrProgress::clear() {
  if (dirty_) fmt::print(stderr, "\r\x1b[K");
  dirty_ = false;
  std::fflush(stderr);
}

void StderrProgress::step(const std::string& text) {
  clear();
  fmt::print(stderr, "{}\n", text);
  std::fflush(stderr);
  last_live_ = -1;
}

void StderrProgress::live(const std::string& text) {
  const double now = monotonic_seconds();
  if (!terminal_ || (last_live_ >= 0 && now - last_live_ < kLiveEverySeconds)) return;
  fmt::print(stderr, "\r\x1b[K{}", text.substr(0, terminal_width() - 1));
  std::fflush(stderr);
  dirty_ = true;
  last_live_ = now;
}

}  // namespace assay
