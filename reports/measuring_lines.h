#pragma once
// What a reader of times must know beside them: the harness's own share, and warnings.

#include <string>
#include <vector>

#include "harness/store/store.h"

namespace assay {

/// "Harness overhead: ...": where the time of the processes went.
std::string overhead_line(const HarnessOverhead& overhead);

/// One note a warning: which cell, in how many of its processes, what it said.
std::vector<std::string> remark_notes(const std::vector<Remark>& remarks);

}  // namespace assay
