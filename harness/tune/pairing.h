#pragma once
// What is uncertain about a quality beside that of the reference.

#include "harness/store/records.h"
#include "harness/tune/task.h"

namespace assay::tune {

/// Settings that answered the items of the reference are compared item by item: what makes an item
/// hard for all of them is no noise of a difference. Where items are there, a cell's variance
/// becomes that of its mean difference to the reference (0 for the reference itself), over the
/// seeds the larger of theirs and of what lies between them; other cells keep what their intervals
/// say. `records`: of the task's experiment.
void pair_with_reference(Task& task, const std::vector<CellRecord>& records);

}  // namespace assay::tune
