#include "harness/runner/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <utility>

#include "harness/base/clock.h"
#include "harness/base/colour.h"
#include "harness/base/display.h"
#include "harness/base/output.h"

namespace assay {
namespace {

constexpr double kLiveEverySeconds = 0.1;
constexpr double kSayEverySeconds = 60;
constexpr const char* kBeforeLeft = " · ";

std::size_t terminal_width() {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col < 20) return 80;
  return size.ws_col;
}

/// What is left stays, unless it would take all of the line.
std::string fitting(const std::string& text, const std::string& left, std::size_t width) {
  const std::string tail = left.empty() ? "" : kBeforeLeft + left;
  const std::size_t own = display_width(tail);
  if (own + 1 > width) return cut(text + tail, width);
  return cut(text, width - own) + tail;
}

}  // namespace

ProgressPlace ProgressPlace::standard_error() {
  return {::isatty(STDERR_FILENO) == 1 && terminal_has_escapes(), terminal_width,
          monotonic_seconds};
}

StderrProgress::StderrProgress(ProgressPlace place)
    : place_(std::move(place)), last_live_(place_.now()) {}

StderrProgress::~StderrProgress() { clear(); }

void StderrProgress::clear() {
  if (dirty_) redraw_error_line("");
  dirty_ = false;
}

void StderrProgress::step(const std::string& text) {
  clear();
  print_error(text + "\n");
  fresh_ = true;
}

void StderrProgress::show(const std::string& text, const Left& left) {
  const double now = place_.now();
  place_.terminal ? redraw(text, left, now) : say_now_and_then(text, left, now);
}

void StderrProgress::say_now_and_then(const std::string& text, const Left& left, double now) {
  if (now - last_live_ < kSayEverySeconds) return;
  const std::string words = left();
  if (words.empty()) return;
  step(text + kBeforeLeft + words);
  last_live_ = now;
}

void StderrProgress::redraw(const std::string& text, const Left& left, double now) {
  if (!fresh_ && now - last_live_ < kLiveEverySeconds) return;
  // The last column stays free: some terminals begin a new line with it.
  redraw_error_line(fitting(visible(text), left(), place_.width() - 1));
  dirty_ = true;
  fresh_ = false;
  last_live_ = now;
}

}  // namespace assay
