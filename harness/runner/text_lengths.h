#pragma once
// Bad input that only shows once the data are prepared.

#include "harness/plan/plan.h"

namespace assay {

/// Throws UserError, with every place, when a text is too short for the sequences that a method
/// wants to calibrate with, or for the windows that it wants to train on. Without this the worker
/// would find out after minutes of other cells.
void check_text_lengths(const Plan& plan);

}  // namespace assay
