#pragma once
// Bad input that only shows once the data are prepared.

#include "harness/plan/plan.h"

namespace assay {

/// Throws UserError, with every place, when a calibration text is too short for the sequences that
/// a method asks for. Without this the worker would find out after minutes of other cells.
void check_calibration_texts(const Plan& plan);

}  // namespace assay
