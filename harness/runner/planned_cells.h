#pragma once
// A plan's cells as the store keeps them.

#include <vector>

#include "harness/plan/plan.h"
#include "harness/store/store.h"

namespace assay {

/// In the same order.
std::vector<PlannedCell> planned_cells(const Plan& plan);

}  // namespace assay
