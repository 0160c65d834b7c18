#include "harness/runner/requests.h"

#include <fmt/format.h>

#include "harness/config/profile.h"
#include "harness/runner/artefacts.h"

namespace assay {
namespace fs = std::filesystem;
namespace {

WorkerRequest common_request(const Plan& plan, const Catalogue& catalogue, const Cell& cell) {
  const ProfileEntry& profile = catalogue.profile(cell.profile);
  const ResolvedModel& model = plan.model_of(cell);
  const MethodChoice& method = plan.method_of(cell);
  WorkerRequest request;
  // The worker runs in a folder of its own.
  request.model_folder = fs::absolute(model.folder).string();
  request.model_hash = model.hash;
  request.random_weights = model.choice.random_weights;
  request.dtype = profile.dtype;
  request.device = profile.device;
  request.threads = threads_on_this_machine(profile);
  request.cores = profile.cores;
  request.method = method.id;
  request.params = method.params;
  request.seed = cell.seed;
  return request;
}

std::string value_text(const Json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

std::string changed_params(const std::vector<ParamSpec>& specs, const Json& params) {
  std::string text;
  for (const ParamSpec& spec : specs) {
    const auto value = params.find(spec.name);
    if (value == params.end() || *value == spec.default_value) continue;
    text += fmt::format(" {}={}", spec.name, value_text(*value));
  }
  return text;
}

std::string method_label(const Catalogue& catalogue, const MethodChoice& method) {
  return method.id + changed_params(catalogue.method(method.id).params, method.params);
}

void set_training(const FitJob& job, const TrainingChoice& choice, WorkerRequest& request) {
  if (choice.on_text()) {
    request.training_text = TrainingTextRequest{
        .data = job.training_folder, .samples = choice.samples, .tokens = job.training_tokens};
    return;
  }
  request.training = TrainingRequest{.data = job.training_folder,
                                     .items = choice.items,
                                     .subset_seed = static_cast<std::uint64_t>(choice.subset_seed)};
}

}  // namespace

std::vector<AppliedArtefact> applied_until(const Plan& plan, const std::string& key) {
  std::vector<AppliedArtefact> applied;
  for (const FitJob* job : plan.links_to(key)) {
    applied.push_back({plan.method_of(*job).id, artefact_path(job->key).string()});
  }
  return applied;
}

WorkerRequest fit_request(const Plan& plan, const Catalogue& catalogue, const Cell& cell,
                          const FitJob& job, const fs::path& scratch) {
  const MethodChoice& method = plan.method_of(job);
  WorkerRequest request = common_request(plan, catalogue, cell);
  request.op = "fit";
  if (!job.timed) request.dtype = "fp32";
  request.method = method.id;
  request.params = method.params;
  request.seed = job.seed;
  request.applied = applied_until(plan, job.base);
  request.artefact = artefact_path(job.key).string();
  request.stage = job.stage;
  for (const auto& [stage, key] : job.inputs) {
    request.inputs[stage] = artefact_path(key).string();
  }
  request.checkpoints = checkpoints_path(job.key).string();
  request.checkpoint_s = plan.experiment.checkpoint_s;
  request.scratch = scratch.string();
  if (!job.calibration_folder.empty()) {
    request.calibration = CalibrationRequest{.data = job.calibration_folder,
                                             .sampling = job.sampling,
                                             .samples = job.samples,
                                             .tokens = job.tokens};
  }
  if (!job.training_folder.empty()) set_training(job, *method.training, request);
  return request;
}

WorkerRequest cell_request(const Plan& plan, const Catalogue& catalogue, const Cell& cell,
                           const fs::path& scratch) {
  const SuiteChoice& suite = plan.suite_of(cell);
  WorkerRequest request = common_request(plan, catalogue, cell);
  request.op = catalogue.suite_kind(suite.kind).stage;
  request.applied = applied_until(plan, cell.artefact_key);
  request.suite_kind = suite.kind;
  request.suite_params = suite.params;
  request.data = cell.data_folder;
  request.scratch = scratch.string();
  if (request.op == "score") request.checkpoints = scores_path(cell.key).string();
  return request;
}

WorkerLimits cell_limits(const Plan& plan, const Catalogue& catalogue, const Cell& cell) {
  const ProfileEntry& profile = catalogue.profile(cell.profile);
  // CUDA reserves far more address space than it uses, so the limit would stop every process.
  const bool limited = profile.device == "cpu";
  return {.timeout_s = plan.experiment.timeout_s,
          .memory_bytes = limited ? profile.memory_limit_bytes : 0};
}

MachineUse machine_use(const ProfileEntry& profile, bool alone) {
  return {used_cores(profile), profile.device, alone};
}

std::string fingerprint_subject(const Plan& plan, const Catalogue& catalogue, const Cell& cell) {
  const ProfileEntry& profile = catalogue.profile(cell.profile);
  std::string subject = cell.artefact_key;
  if (subject.empty()) {
    const ResolvedModel& model = plan.model_of(cell);
    subject = model.hash;
    if (model.choice.random_weights) subject += fmt::format(":random-{}", cell.seed);
  }
  return fmt::format("{}:{}:{}", subject, profile.dtype, profile.device);
}

std::string job_name(const Plan& plan, const FitJob& job) {
  const std::string& method = plan.method_of(job).id;
  return job.stage.empty() ? method : method + "/" + job.stage;
}

std::string chain_label(const Plan& plan, const Catalogue& catalogue, const Cell& cell) {
  const MethodChoice& method = plan.method_of(cell);
  std::string chain = method_label(catalogue, method);
  for (const MethodChoice& next : method.then) chain += " then " + method_label(catalogue, next);
  return chain;
}

std::string suite_label(const Plan& plan, const Catalogue& catalogue, const Cell& cell) {
  const SuiteChoice& suite = plan.suite_of(cell);
  return suite.id + changed_params(catalogue.suite_kind(suite.kind).params, suite.params);
}

std::string short_key(const Cell& cell) {
  constexpr std::size_t kShown = 8;
  return cell.key.substr(0, kShown);
}

std::string cell_label(const Plan& plan, const Catalogue& catalogue, const Cell& cell) {
  const bool seeded = plan.experiment.seeds.size() > 1;
  return fmt::format("{} / {} / {} / {}{}", chain_label(plan, catalogue, cell),
                     suite_label(plan, catalogue, cell), plan.model_of(cell).choice.id,
                     cell.profile, seeded ? fmt::format(" / seed {}", cell.seed) : "");
}

}  // namespace assay
