#include "harness/worker/score_identity.h"

#include "harness/measure/machine.h"
#include "harness/measure/machine_identity.h"
#include "harness/measure/torch_environment.h"

namespace assay {
namespace {

/// Without what changes from try to try: places, and what is told of earlier processes.
Json asked(const WorkerRequest& request) {
  Json document = to_json(request);
  for (const char* key : {"scratch", "checkpoints", "checkpoint_s", "expected", "cores"}) {
    document.erase(key);
  }
  return document;
}

}  // namespace

std::string score_identity(const WorkerRequest& request, const Fingerprint& probe) {
  return canonical_json({{"asked", asked(request)},
                         {"probe", probe.values},
                         {"build", build_environment()},
                         {"torch", torch_environment()},
                         {"machine", machine_identity().id}});
}

}  // namespace assay
