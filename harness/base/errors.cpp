#include "harness/base/errors.h"

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
  } catch (...) {
    return ExitCode::kBug;
  }
}

}  // namespace assay
