#include "harness/process/classify.h"

#include <string.h>

#include <csignal>

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

/// An allocation that failed where the child could not report it: uncaught, so std::terminate.
bool died_of_failed_allocation(const ChildResult& result) {
  if (result.signal != SIGABRT) return false;
  return result.stderr_tail.find("std::bad_alloc") != std::string::npos ||
         result.stderr_tail.find("DefaultCPUAllocator: can't allocate memory") !=
             std::string::npos ||
         result.stderr_tail.find("DefaultCPUAllocator: not enough memory") != std::string::npos;
}

bool killed_for_memory(const ChildResult& result, std::int64_t limit) {
  if (result.signal != SIGKILL) return false;
  const bool near_limit =
      limit > 0 && static_cast<double>(result.peak_rss_bytes) >= 0.95 * static_cast<double>(limit);
  return result.oom_killed || near_limit;
}

OutcomeReason classify_signal(const ChildResult& result, std::int64_t limit) {
  const std::string peak = "peak " + human_bytes(result.peak_rss_bytes);
  if (died_of_failed_allocation(result)) {
    return {.outcome = Outcome::kOom,
            .code = "host",
            .text = "an allocation failed (" + peak + ")" + last_words(result.stderr_tail)};
  }
  if (killed_for_memory(result, limit)) {
    return {.outcome = Outcome::kOom,
            .code = "killed",
            .text = "the system killed the process for its memory (" + peak + ")"};
  }
  const std::string name = signal_name(result.signal);
  return {.outcome = Outcome::kCrashed,
          .code = "signal:" + name,
          .text = "the worker died of " + name + last_words(result.stderr_tail)};
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
  if (reply.outcome && reply.outcome->outcome != Outcome::kOk) return *reply.outcome;
  if (result.signal != 0) return classify_signal(result, memory_limit_bytes);
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
