#pragma once

#include <atomic>

namespace assay {

/// Set by the handler of SIGTERM and SIGINT, looked at wherever a suite or method reports progress.
using StopFlag = std::atomic<bool>;

/// The one that the handlers set; installs them on first use.
const StopFlag& stop_flag_of_process();

}  // namespace assay
