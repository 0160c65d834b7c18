#pragma once
// Errors that say why a cell has no value, more exactly than UserError and MachineError. To a
// command they are what they derive from.

#include <string>
#include <utility>

#include "harness/base/errors.h"

namespace assay {

/// What was asked does not apply: a stated requirement of the method, the suite or the model is not
/// met, and will not be met the next time either. The cell is UNMET.
class DoesNotApply : public UserError {
 public:
  using UserError::UserError;
};

/// What was asked would give a number that means something else than it says: its two sides name
/// different things. The cell is INVALID, with this code.
class Misleading : public UserError {
 public:
  Misleading(std::string code, const std::string& text) : UserError(text), code_(std::move(code)) {}
  [[nodiscard]] const std::string& code() const { return code_; }

 private:
  std::string code_;
};

/// A file is missing, damaged or cannot be read. It may be whole the next time.
class FileError : public UserError {
 public:
  using UserError::UserError;
};

/// This machine has no such device or core; another one may.
class NotOnThisMachine : public MachineError {
 public:
  using MachineError::MachineError;
};

/// A number that everything rests on is NaN or infinite. The cell is NAN.
class NonFiniteValue : public std::runtime_error {
 public:
  /// code: short, for tables ("training_loss")
  NonFiniteValue(std::string code, const std::string& text)
      : std::runtime_error(text), code_(std::move(code)) {}
  [[nodiscard]] const std::string& code() const { return code_; }

 private:
  std::string code_;
};

/// Runs `read`; what it finds wrong with its input is wrong with files.
template <typename Read>
auto from_files(Read&& read) {
  try {
    return read();
  } catch (const DoesNotApply&) {
    throw;
  } catch (const Misleading&) {
    throw;
  } catch (const UserError& error) {
    throw FileError(error.what());
  }
}

}  // namespace assay
