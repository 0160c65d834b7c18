#include "harness/base/errors.h"

#include <algorithm>
#include <array>
#include <new>
#include <system_error>

namespace assay {
namespace {

/// What the system refuses because something is used up or not allowed: no program can do better.
bool is_of_the_machine(const std::error_code& code) {
  constexpr std::array kRefusals = {std::errc::too_many_files_open,
                                    std::errc::too_many_files_open_in_system,
                                    std::errc::resource_unavailable_try_again,
                                    std::errc::not_enough_memory,
                                    std::errc::no_space_on_device,
                                    std::errc::read_only_file_system,
                                    std::errc::permission_denied,
                                    std::errc::operation_not_permitted,
                                    std::errc::file_too_large,
                                    std::errc::io_error,
                                    std::errc::no_lock_available};
  return std::any_of(kRefusals.begin(), kRefusals.end(),
                     [&](std::errc refusal) { return code == refusal; });
}

std::string join_lines(const std::vector<std::string>& texts) {
  std::string joined;
  for (const std::string& text : texts) {
    if (!joined.empty()) joined += '\n';
    joined += text;
  }
  return joined;
}

}  // namespace

UserError::UserError(const std::string& text) : std::runtime_error(text) {}
UserError::UserError(const std::vector<std::string>& texts)
    : std::runtime_error(join_lines(texts)) {}

Interrupted::Interrupted() : std::runtime_error("interrupted") {}

ExitCode exit_code_of_current_exception() noexcept {
  try {
    throw;
  } catch (const UserError&) {
    return ExitCode::kBadInput;
  } catch (const MachineError&) {
    return ExitCode::kNotMeasured;
  } catch (const Interrupted&) {
    return ExitCode::kInterrupted;
  } catch (const std::system_error& error) {
    return is_of_the_machine(error.code()) ? ExitCode::kNotMeasured : ExitCode::kBug;
  } catch (const std::bad_alloc&) {
    return ExitCode::kNotMeasured;
  } catch (...) {
    return ExitCode::kBug;
  }
}

}  // namespace assay
