#include "harness/base/errors.h"

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

/// Of what the system said no to and nobody put into better words.
ExitCode code_of(const std::error_code& error) {
  for (const std::errc names_of_places :
       {std::errc::no_such_file_or_directory, std::errc::not_a_directory, std::errc::is_a_directory,
        std::errc::filename_too_long, std::errc::too_many_symbolic_link_levels,
        std::errc::permission_denied, std::errc::illegal_byte_sequence}) {
    if (error == names_of_places) return ExitCode::kBadInput;
  }
  return ExitCode::kNotMeasured;
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
