#include "harness/worker/export.h"

#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include "harness/base/cell_errors.h"
#include "harness/checkpoint/checkpoint.h"
#include "harness/export/config_writer.h"
#include "harness/export/model_folder.h"
#include "harness/method/artefact.h"
#include "harness/protocol/export_events.h"
#include "harness/worker/applied.h"
#include "harness/worker/planned_model.h"

namespace assay {
namespace {

/// Parameters of each artefact that is applied, as it has them itself.
std::vector<Json> applied_params(const WorkerRequest& request) {
  if (request.applied.empty()) return {request.params};
  std::vector<Json> params;
  for (const AppliedArtefact& one : request.applied) {
    params.push_back(load_artefact(one.file).first.params);
  }
  return params;
}

}  // namespace

void export_model(const WorkerRequest& request, const SessionServices& services) {
  const at::NoGradGuard no_grad;
  if (request.output.empty()) throw UserError("operation 'export' names no folder to fill");
  ProgressReporter reporter(services.writer, services.stop);
  PlannedModel planned(request);
  // In fp32 whatever the files will hold: everything is rounded once.
  Model model = planned.load({.dtype = at::kFloat, .device = open_device(request.device)});
  const Checkpoint original = from_files([&] { return Checkpoint::open(request.model_folder); });
  say_warnings(model, services.writer);
  (void)apply_artefacts(model, request, services.methods);
  const std::vector<Json> applied = applied_params(request);
  reporter.check();
  const PlainModel plain = plain_model(model, written_keys(original));
  const WrittenFolder written = write_model_folder(
      request.output, original, plain, {.dtype = request.dtype, .shard_bytes = request.shard_bytes},
      [&](std::int64_t done, std::int64_t total) { reporter.report(done, total, "files"); });
  planned.require_unchanged();
  const auto say = [&](const char* code, const std::string& text) {
    services.writer.event("info", code, text);
  };
  for (const Json& params : applied) say(kExportParams, canonical_json(params));
  say(kExportDtype, written.dtype);
  say(kExportBytes, std::to_string(written.bytes));
  for (const std::string& text : written.config) say(kExportConfig, text);
  for (const std::string& text : plain.remarks) say(kExportRemark, text);
}

}  // namespace assay
