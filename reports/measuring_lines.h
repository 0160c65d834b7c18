#pragma once
// What a reader of times must know beside them: the harness's own share.

#include <string>

#include "harness/store/store.h"

namespace assay {

/// "Harness overhead: ...": where the time of the processes went.
std::string overhead_line(const HarnessOverhead& overhead);

}  // namespace assay
