#include "harness/runner/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "harness/base/display.h"
#include "harness/base/output.h"

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
  if (dirty_) redraw_error_line("");
  dirty_ = false;
}

void StderrProgress::step(const std::string& text) {
  clear();
  print_error(text + "\n");
  last_live_ = -1;
}

void StderrProgress::live(const std::string& text) {
  const double now = monotonic_seconds();
  if (!terminal_ || (last_live_ >= 0 && now - last_live_ < kLiveEverySeconds)) return;
  redraw_error_line(cut(text, terminal_width() - 1));
  dirty_ = true;
  last_live_ = now;
}

}  // namespace assay
