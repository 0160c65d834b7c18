#include "harness/worker/failure.h"

#include <c10/util/Exception.h>

#include <filesystem>
#include <new>
#include <system_error>

#include "harness/base/cell_errors.h"

namespace assay {
namespace {

/// LibTorch reports a host allocation that failed as a plain c10::Error; only its text tells.
bool is_failed_host_allocation(const std::string& text) {
  return text.find("DefaultCPUAllocator: can't allocate memory") != std::string::npos ||
         text.find("DefaultCPUAllocator: not enough memory") != std::string::npos;
}

OutcomeReason reason(Outcome outcome, const std::string& code, const std::string& text) {
  return {.outcome = outcome, .code = code, .text = text};
}

}  // namespace

OutcomeReason outcome_of_current_exception() {
  try {
    throw;
  } catch (const OutcomeFound& found) {
    return found.reason();
  } catch (const NonFiniteValue& error) {
    return reason(Outcome::kNan, error.code(), error.what());
  } catch (const Interrupted& error) {
    return reason(Outcome::kInterrupted, "sigterm", error.what());
  } catch (const DoesNotApply& error) {
    return reason(Outcome::kUnmet, "requirement", error.what());
  } catch (const Misleading& error) {
    return reason(Outcome::kInvalid, error.code(), error.what());
  } catch (const NotOnThisMachine& error) {
    return reason(Outcome::kUnmet, "machine", error.what());
  } catch (const FileError& error) {
    return reason(Outcome::kCrashed, "file", error.what());
  } catch (const UserError& error) {
    return reason(Outcome::kCrashed, "bad_input", error.what());
  } catch (const MachineError& error) {
    return reason(Outcome::kCrashed, "machine", error.what());
  } catch (const c10::OutOfMemoryError& error) {
    return reason(Outcome::kOom, "device", error.what_without_backtrace());
  } catch (const c10::Error& error) {
    const std::string text = error.what_without_backtrace();
    if (is_failed_host_allocation(text)) return reason(Outcome::kOom, "host", text);
    return reason(Outcome::kCrashed, "error", text);
  } catch (const std::bad_alloc&) {
    return reason(Outcome::kOom, "host", "an allocation on the host failed");
  } catch (const std::filesystem::filesystem_error& error) {
    return reason(Outcome::kCrashed, "file", error.what());
  } catch (const std::system_error& error) {
    return reason(Outcome::kCrashed, "machine", error.what());
  } catch (const std::exception& error) {
    return reason(Outcome::kCrashed, "error", error.what());
  } catch (...) {
    return reason(Outcome::kCrashed, "error", "an exception of unknown type");
  }
}

}  // namespace assay
