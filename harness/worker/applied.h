#pragma once
// The artefacts that change a model before the work begins.

#include <string>
#include <vector>

#include "harness/method/method.h"
#include "harness/protocol/protocol.h"

namespace assay {

/// Reads an artefact that the parent has named. Throws OutcomeFound, INVALID(artefact_changed), for
/// a file that is not what was planned, FileError for one that cannot be read.
Artefact planned_artefact(const WorkerRequest& request, const MethodInfo& method,
                          const std::string& file);

/// Applies all that the request names, in order, and gives them back.
std::vector<Artefact> apply_artefacts(Model& model, const WorkerRequest& request,
                                      const MethodRegistry& methods);

}  // namespace assay
