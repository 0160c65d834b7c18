#include "harness/worker/applied.h"

#include <fmt/format.h>

#include "harness/base/cell_errors.h"
#include "harness/method/artefact.h"
#include "harness/worker/failure.h"

namespace assay {

Artefact planned_artefact(const WorkerRequest& request, const MethodInfo& method,
                          const std::string& file) {
  auto [header, artefact] = from_files([&] { return load_artefact(file); });
  try {
    require_artefact_of(header, method, request.model_hash, file);
  } catch (const UserError& error) {
    if (request.op == "export") throw;  // the user has named the file
    // The parent compared the file's hash right before: what does not fit has changed since.
    throw OutcomeFound(
        {.outcome = Outcome::kInvalid, .code = "artefact_changed", .text = error.what()});
  }
  return std::move(artefact);
}

std::vector<Artefact> apply_artefacts(Model& model, const WorkerRequest& request,
                                      const MethodRegistry& methods) {
  const bool forgotten =
      request.applied.empty() && request.op != "fit" && request.method != "dense";
  if (forgotten) {
    throw UserError(
        fmt::format("method '{}' needs an artefact, and none is given", request.method));
  }
  std::vector<Artefact> artefacts;
  for (const AppliedArtefact& one : request.applied) {
    const Method& method = methods.get(one.method);
    artefacts.push_back(planned_artefact(request, method.info(), one.file));
    method.apply(model, artefacts.back());
  }
  return artefacts;
}

}  // namespace assay
