#include "harness/process/classify.h"

#include <string.h>

#include <algorithm>
#include <csignal>
#include <initializer_list>
#include <optional>

#include "harness/base/text.h"

namespace assay {
namespace {

/// Last lines of the log, for a person.
std::string last_words(const std::string& log) {
  constexpr std::size_t kLength = 400;
  std::string tail = log.size() > kLength ? log.substr(log.size() - kLength) : log;
  while (!tail.empty() && (tail.back() == '\n' || tail.back() == ' ')) tail.pop_back();
  return tail.empty() ? "" : "; last words: " + tail;
}

bool has_any(const std::string& text, std::initializer_list<const char*> phrases) {
  return std::any_of(phrases.begin(), phrases.end(),
                     [&](const char* phrase) { return text.find(phrase) != std::string::npos; });
}

/// An allocation that failed where the child could not report it: uncaught, so std::terminate, or
/// caught by its main function alone.
bool died_of_failed_allocation(const ChildResult& result) {
  if (result.signal != SIGABRT && (result.signal != 0 || result.exit_code == 0)) return false;
  return has_any(result.stderr_tail,
                 {"std::bad_alloc", "DefaultCPUAllocator: can't allocate memory",
                  "DefaultCPUAllocator: not enough memory"});
}

/// What the loader, the C library and OpenMP say who get no memory, or no stack for a thread. Only
/// under a limit is it the reason of a death.
bool says_no_memory(const std::string& log) {
  return has_any(log, {"annot allocate memory", "failed to map segment", "cannot map zero-fill",
                       "cannot create shared object descriptor", "Thread creation failed",
                       "unable to allocate necessary resources", "Out of memory", "out of memory"});
}

/// Under a limit: what shows that the limit was the reason, in words; "" when nothing does.
std::string sign_of_limit(const ChildResult& result, const WorkerReply& reply, std::int64_t limit) {
  // LibTorch maps half a gigabyte before a worker says its first word.
  constexpr std::int64_t kMappedWhileLoading = std::int64_t{1} << 30;
  constexpr double kNear = 0.95;
  const int signal = result.signal;
  if (says_no_memory(result.stderr_tail)) return "an allocation failed";
  const bool faulted = signal == SIGSEGV || signal == SIGBUS || signal == SIGABRT;
  if (faulted &&
      static_cast<double>(result.peak_address_bytes) >= kNear * static_cast<double>(limit)) {
    return "it died with " + human_bytes(result.peak_address_bytes) + " of address space in use";
  }
  const bool said_nothing = reply.environment.empty() && !reply.outcome;
  if (said_nothing && (faulted || signal == SIGKILL) && limit < kMappedWhileLoading) {
    return "it died of " + signal_name(signal) + " while it was loaded";
  }
  return "";
}

std::string under_limit(std::int64_t limit) {
  return limit > 0 ? " under the memory limit of " + human_bytes(limit) : "";
}

bool killed_for_memory(const ChildResult& result, std::int64_t limit) {
  if (result.signal != SIGKILL) return false;
  const bool near_limit =
      limit > 0 && static_cast<double>(result.peak_rss_bytes) >= 0.95 * static_cast<double>(limit);
  return result.oom_killed || near_limit;
}

/// OOM for a process that ended badly, where something shows that memory was the reason.
std::optional<OutcomeReason> out_of_memory(const ChildResult& result, const WorkerReply& reply,
                                           std::int64_t limit) {
  const std::string peak = " (peak " + human_bytes(result.peak_rss_bytes) + ")";
  const std::string words = last_words(result.stderr_tail);
  if (died_of_failed_allocation(result)) {
    return OutcomeReason{Outcome::kOom, "host",
                         "an allocation failed" + under_limit(limit) + peak + words};
  }
  if (killed_for_memory(result, limit)) {
    return OutcomeReason{
        Outcome::kOom, "killed",
        "the system killed the process for its memory" + under_limit(limit) + peak};
  }
  const std::string sign = limit > 0 ? sign_of_limit(result, reply, limit) : "";
  if (sign.empty()) return std::nullopt;
  return OutcomeReason{Outcome::kOom, "host", sign + under_limit(limit) + peak + words};
}

OutcomeReason classify_signal(const ChildResult& result) {
  const std::string name = signal_name(result.signal);
  const bool sent = result.signal == SIGTERM || result.signal == SIGINT ||
                    result.signal == SIGHUP || result.signal == SIGKILL;
  return {.outcome = Outcome::kCrashed,
          .code = "signal:" + name,
          .text = (sent ? "the worker was ended by " + name + ", which this run did not send"
                        : "the worker died of " + name) +
                  last_words(result.stderr_tail)};
}

/// A worker that stops as it was asked to, though not by this run: an administrator, a cluster that
/// needs the machine.
bool asked_by_others(const WorkerReply& reply) {
  return reply.outcome && reply.outcome->outcome == Outcome::kInterrupted;
}

}  // namespace

std::string signal_name(int signal) {
  const char* abbreviation = ::sigabbrev_np(signal);
  if (abbreviation == nullptr) return "signal " + std::to_string(signal);
  return std::string("SIG") + abbreviation;
}

OutcomeReason classify(const ChildResult& result, const WorkerReply& reply,
                       std::int64_t memory_limit_bytes) {
  if (result.timed_out) {
    return {.outcome = Outcome::kTimeout,
            .code = "limit",
            .text = "stopped at the time limit after " + human_seconds(result.wall_seconds)};
  }
  if (result.interrupted) {
    return {.outcome = Outcome::kInterrupted, .code = "stopped", .text = "stopped on request"};
  }
  if (!result.protocol_error.empty()) {
    return {.outcome = Outcome::kCrashed,
            .code = "protocol",
            .text = "the worker's reply is malformed: " + result.protocol_error};
  }
  if (asked_by_others(reply)) {
    return {.outcome = Outcome::kCrashed,
            .code = "signal:SIGTERM",
            .text = "the worker was asked to end by SIGTERM, which this run did not send"};
  }
  if (reply.outcome && reply.outcome->outcome != Outcome::kOk) return *reply.outcome;
  if (result.signal != 0 || result.exit_code != 0) {
    if (auto oom = out_of_memory(result, reply, memory_limit_bytes)) return *oom;
  }
  if (result.signal != 0) return classify_signal(result);
  if (result.exit_code != 0) {
    return {.outcome = Outcome::kCrashed,
            .code = "error",
            .text = "the worker ended with exit code " + std::to_string(result.exit_code) +
                    last_words(result.stderr_tail)};
  }
  if (!reply.outcome || !reply.complete) {
    return {
        .outcome = Outcome::kCrashed,
        .code = "incomplete_reply",
        .text = "the worker ended without finishing its reply" + last_words(result.stderr_tail)};
  }
  return *reply.outcome;
}

}  // namespace assay
