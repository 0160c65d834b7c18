#pragma once
// Items of lm-evaluation-harness (--log_samples): samples_TASK_DATE.jsonl beside a
// results_DATE.json.

#include "harness/imports/import_content.h"
#include "harness/imports/import_source.h"

namespace assay {

/// Adds the items of each task whose file lies beside `source`, and gives the cells keys that know
/// of them. What an item has beside numbers is left out, which is said. A file that does not fit
/// its task is a problem: another number of items than the results say, items that come twice,
/// accuracies whose mean is not the task's.
void add_lm_eval_samples(const ImportSource& source, ImportContent& content,
                         ImportProblems& problems);

}  // namespace assay
