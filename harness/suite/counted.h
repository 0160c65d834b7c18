#pragma once
// The calls whose instructions a second instrument counts.

#include <functional>

namespace assay {

/// Makes kCountedCalls calls (harness/protocol/common_metrics.h) inside of the function
/// assay_counted_calls, which callgrind is told to count: nothing else of the process is. Two calls
/// before them are not counted.
void run_counted(const std::function<void()>& work);

}  // namespace assay
