#pragma once
// What the scores that a killed worker left behind belong to.

#include <string>

#include "harness/protocol/protocol.h"

namespace assay {

/// Everything that decides a score to its last bit: what is asked, what the model answered to the
/// probe, and the program, the libraries and the machine that compute it. Canonical JSON.
std::string score_identity(const WorkerRequest& request, const Fingerprint& probe);

}  // namespace assay
