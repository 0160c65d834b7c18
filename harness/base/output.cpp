#include "harness/base/output.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "harness/base/descriptor.h"
#include "harness/base/display.h"
#include "harness/base/errors.h"

namespace assay {
namespace {

/// Length of a colour sequence (ESC [ digits and ';' m) at the start of the text, or 0.
std::size_t colour_length(std::string_view text) {
  if (!text.starts_with("\x1b[")) return 0;
  const std::size_t end = text.find_first_not_of("0123456789;", 2);
  return end != std::string_view::npos && text[end] == 'm' ? end + 1 : 0;
}

/// Length of what stays as it is at the start of the text.
std::size_t kept_length(std::string_view text, bool coloured) {
  if (text.front() == '\n' || text.front() == '\t') return 1;
  if (text.starts_with("\r\n")) return 2;
  return coloured ? colour_length(text) : 0;
}

/// Length of the printable ASCII characters at the start of the text, most of all text.
std::size_t plain_length(std::string_view text) {
  const auto end = std::ranges::find_if(text, [](char c) { return c < 0x20 || c >= 0x7F; });
  return static_cast<std::size_t>(end - text.begin());
}

[[noreturn]] void fail(int error) {
  if (error == EPIPE) {
    throw MachineError("standard output: its reader went away before everything was written");
  }
  throw MachineError(
      fmt::format("standard output: cannot be written: {}; what was to be said is lost, run the "
                  "command again with a place to write to",
                  std::strerror(error)));
}

void write_out(std::string_view text) {
  const int error = write_all(STDOUT_FILENO, text);
  if (error != 0) fail(error);
}

}  // namespace

std::string printable(std::string_view text, bool coloured) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    if (const std::size_t plain = plain_length(text); plain > 0) {
      result += text.substr(0, plain);
      text.remove_prefix(plain);
      continue;
    }
    std::string_view rest = text;
    if (const std::size_t kept = kept_length(text, coloured); kept > 0) {
      result += text.substr(0, kept);
      rest.remove_prefix(kept);
    } else {
      (void)take_character(rest);
      result += visible(text.substr(0, text.size() - rest.size()));
    }
    text = rest;
  }
  return result;
}

void print_out(std::string_view text) { write_out(printable(text)); }

void print_coloured(std::string_view text) { write_out(printable(text, true)); }

void close_output() {
  // Some file systems say only now that the disk is full.
  if (::close(STDOUT_FILENO) != 0 && errno != EBADF) fail(errno);
}

void print_error(std::string_view text) noexcept {
  try {
    (void)write_all(STDERR_FILENO, printable(text));
  } catch (...) {
    return;  // no memory for a message: nothing can be said
  }
}

void redraw_error_line(std::string_view text) noexcept {
  try {
    (void)write_all(STDERR_FILENO, "\r\x1b[K" + visible(text));
  } catch (...) {
    return;
  }
}

void errors_instead_of_signals() {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
}

void guard_standard_descriptors() {
  for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(descriptor, F_GETFD) >= 0 || errno != EBADF) continue;
    // The lowest free number is this one; not writable, so that lost output is noticed.
    [[maybe_unused]] const int placed = ::open("/dev/null", O_RDONLY);
  }
}

}  // namespace assay
