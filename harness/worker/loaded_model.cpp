#include "harness/worker/loaded_model.h"

#include <utility>

#include "harness/measure/memory.h"
#include "harness/method/sparsity_audit.h"
#include "harness/model/device.h"
#include "harness/worker/applied.h"

namespace assay {
namespace {

/// Everything of a request that decides the model.
Json model_part(const WorkerRequest& request) {
  Json part = {{"folder", request.model_folder}, {"hash", request.model_hash},
               {"dtype", request.dtype},         {"device", request.device},
               {"threads", request.threads},     {"cores", request.cores},
               {"method", request.method},       {"params", request.params}};
  if (request.random_weights) part["random_weights"] = request.seed;
  for (const AppliedArtefact& one : request.applied) {
    part["applied"].push_back({one.method, one.file});
  }
  return part;
}

std::map<std::string, FileIdentity> artefact_files(const WorkerRequest& request) {
  std::map<std::string, FileIdentity> files;
  for (const AppliedArtefact& one : request.applied) files[one.file] = file_identity(one.file);
  return files;
}

Model load(const WorkerRequest& request, PlannedModel& planned) {
  return planned.load({.dtype = dtype_from_name(request.dtype),
                       .device = open_device(request.device),
                       .random_weights = request.random_weights,
                       .seed = request.seed});
}

}  // namespace

Model load_dense(const WorkerRequest& request) {
  PlannedModel planned(request);
  return load(request, planned);
}

LoadedModel::LoadedModel(const WorkerRequest& request)
    : asked_(model_part(request)),
      planned_(request),
      memory_{current_rss_bytes(), std::nullopt},
      model_(load(request, planned_)) {}

void LoadedModel::apply(const WorkerRequest& request, const MethodRegistry& methods) {
  for (const Artefact& artefact : apply_artefacts(model_, request, methods)) {
    in_artefacts_.add(artefact);
  }
  artefact_files_ = artefact_files(request);
  memory_.loaded = current_rss_bytes();
  peak_ = peak_rss_bytes();
}

bool LoadedModel::is_of(const WorkerRequest& request) const {
  if (asked_ != model_part(request)) return false;
  planned_.require_unchanged();
  return artefact_files_ == artefact_files(request);
}

/// Weights that the artefact put into dense slots are the model's; else they are the artefact's
/// alone.
const std::optional<std::string>& LoadedModel::subnormals() {
  if (subnormals_) return *subnormals_;
  SubnormalCount in_model;
  in_model.add(model_);
  std::optional<std::string> text = in_model.remark("the model's weights");
  if (!text) text = in_artefacts_.remark("the numbers in the artefact");
  return subnormals_.emplace(std::move(text));
}

const std::string& LoadedModel::missed_zeros(const WorkerRequest& request,
                                             const MethodRegistry& methods) {
  if (missed_zeros_) return *missed_zeros_;
  missed_zeros_.emplace();
  if (request.applied.size() == 1 && request.applied.front().method == request.method) {
    const Params params(methods.get(request.method).info().params, request.params);
    missed_zeros_ = missed_sparsity(model_, params);
  }
  return *missed_zeros_;
}

LoadedModel& KeptModel::get(const WorkerRequest& request) {
  was_kept_ = loaded_ && loaded_->is_of(request);
  if (!was_kept_) {
    loaded_.reset();  // two of them may not fit
    loaded_ = std::make_unique<LoadedModel>(request);
  }
  return *loaded_;
}

}  // namespace assay
