#pragma once
// A fitted result as a model folder that other programs load.

#include "harness/worker/session.h"

namespace assay {

/// Operation "export": fills the folder `output`. UNMET(requirement) when no folder of the model's
/// family holds the result.
void export_model(const WorkerRequest& request, const SessionServices& services);

}  // namespace assay
