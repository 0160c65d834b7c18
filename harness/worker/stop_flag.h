#pragma once

#include <atomic>

namespace assay {

/// Set by the handler of SIGTERM and SIGINT, looked at wherever a suite or method reports progress.
using StopFlag = std::atomic<bool>;

/// The one that the handlers set; installs them on first use. Whoever does not look for
/// `patience_seconds` after the first signal, or is sent a second one, dies of SIGTERM: no call
/// into a library is so long that an administrator may not end it.
const StopFlag& stop_flag_of_process(unsigned patience_seconds = 60);

}  // namespace assay
