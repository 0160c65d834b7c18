#pragma once
// The machine and the build behind a report, in one line each; nothing that changes from run to
// run.

#include <string>
#include <vector>

#include "harness/base/json.h"

namespace assay {

/// One line a distinct combination of processor, threads, LibTorch and build, sorted.
std::vector<std::string> environment_lines(const std::vector<Json>& environments);

}  // namespace assay
