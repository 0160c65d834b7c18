#include "harness/base/errors.h"

#include <algorithm>
#include <array>
#include <new>
#include <system_error>

namespace assay {
namespace {

std::string join_lines(const std::vector<std::string>& texts) {
  std::string joined;
  for (const std::string& text : texts) {
    if (!joined.empty()) joined += '\n';
    joined += text;
  }
  return joined;
}

template <std::size_t count>
bool is_any_of(const std::error_code& error, const std::array<std::errc, count>& conditions) {
  return std::any_of(conditions.begin(), conditions.end(),
                     [&](std::errc condition) { return error == condition; });
}

/// Of what the system refused and nobody put into better words.
ExitCode code_of(const std::error_code& error) {
  constexpr std::array kOfNames = {std::errc::no_such_file_or_directory,
                                   std::errc::not_a_directory,
                                   std::errc::is_a_directory,
                                   std::errc::filename_too_long,
                                   std::errc::permission_denied,
                                   std::errc::too_many_symbolic_link_levels,
                                   std::errc::illegal_byte_sequence};
  constexpr std::array kOfTheMachine = {std::errc::too_many_files_open,
                                        std::errc::too_many_files_open_in_system,
                                        std::errc::not_enough_memory,
                                        std::errc::resource_unavailable_try_again,
                                        std::errc::no_space_on_device,
                                        std::errc::read_only_file_system,
                                        std::errc::operation_not_permitted,
                                        std::errc::file_too_large,
                                        std::errc::io_error,
                                        std::errc::no_lock_available};
  if (is_any_of(error, kOfNames)) return ExitCode::kBadInput;
  return is_any_of(error, kOfTheMachine) ? ExitCode::kNotMeasured : ExitCode::kBug;
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
    return code_of(error.code());
  } catch (const std::bad_alloc&) {
    return ExitCode::kNotMeasured;
  } catch (...) {
    return ExitCode::kBug;
  }
}

}  // namespace assay
