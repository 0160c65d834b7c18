#pragma once
// One cell in the foreground, for whoever wants to see it fail.

#include <string>

#include "harness/base/errors.h"
#include "harness/config/catalogue.h"
#include "harness/plan/plan.h"

namespace assay {

/// Runs the worker of a cell with its log on the terminal, under gdb if asked, without any limit:
/// of the first of its fits whose result is not here, else its score or its time. Stores nothing.
/// Says how it ended and what it measured. Throws UserError for a cell that does not apply, and
/// where there is no gdb.
ExitCode debug_cell(const Plan& plan, const Catalogue& catalogue, const Cell& cell, bool under_gdb);

}  // namespace assay
