#pragma once
// Errors that say why a cell has no value, more exactly than UserError and MachineError. To a
// command they are what they derive from.

#include "harness/base/errors.h"

namespace assay {

/// What was asked does not apply: a stated requirement of the method, the suite or the model is not
/// met, and will not be met the next time either. The cell is UNMET.
class DoesNotApply : public UserError {
 public:
  using UserError::UserError;
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

/// Runs `read`; what it finds wrong with its input is wrong with files.
template <typename Read>
auto from_files(Read&& read) {
  try {
    return read();
  } catch (const DoesNotApply&) {
    throw;
  } catch (const UserError& error) {
    throw FileError(error.what());
  }
}

}  // namespace assay
