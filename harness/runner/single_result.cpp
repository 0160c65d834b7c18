#include "harness/runner/single_result.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "harness/base/cell_errors.h"
#include "harness/base/file_lock.h"
#include "harness/base/files.h"
#include "harness/base/text.h"
#include "harness/runner/artefacts.h"
#include "harness/runner/requests.h"
#include "harness/runner/scratch.h"
#include "harness/runner/text_lengths.h"

namespace assay {
namespace fs = std::filesystem;
namespace {

/// Asks for no data and nothing of the model: every one has blocks.
SuiteChoice suite_without_data(const Catalogue& catalogue) {
  SuiteChoice suite;
  suite.id = suite.kind = "kernel";
  for (const ParamSpec& spec : catalogue.suite_kind(suite.kind).params) {
    suite.params[spec.name] = spec.default_value;
    if (spec.unit == "tokens")
      suite.params[spec.name] = static_cast<std::int64_t>(spec.min.value_or(1));
  }
  return suite;
}

FitRecord fit(const Plan& plan, const FitJob& job, const Catalogue& catalogue,
              WorkerLauncher& launcher, Progress& progress) {
  const Cell& cell = plan.cells.front();
  const ScratchFolder scratch;
  const std::string label = "fit " + job_name(plan, job);
  const auto hold = launcher.hold(
      machine_use(catalogue.profile(cell.profile), job.timed),
      [&](const std::string& what) { progress.step("waiting for other work: " + what); });
  progress.step(label);
  WorkerLimits limits = cell_limits(plan, catalogue, cell);
  limits.timed = job.timed;
  const WorkerRun run = launcher.run(
      fit_request(plan, catalogue, cell, job, scratch.path()), limits,
      [&](const ReplyReader::Progress& report) {
        progress.live(fmt::format("{} {}/{} {}", label, report.done, report.total, report.what));
      });
  require_ok(run.outcome, label);
  for (const WorkerReply::Event& event : run.reply.events) {
    if (event.level == "warning") progress.step("note: " + event.text);
  }
  return FitRecord{run.reply.metrics, run.reply.events};
}

}  // namespace

Plan single_plan(const ModelChoice& model, const MethodChoice& method, const std::string& profile,
                 std::uint64_t seed, const Catalogue& catalogue, Resolver& resolver) {
  Experiment experiment;
  experiment.name = "single";
  experiment.seeds = {seed};
  experiment.profiles = {catalogue.profile(profile).id};
  experiment.models = {model};
  experiment.methods = {method};
  experiment.suites = {suite_without_data(catalogue)};
  experiment.timeout_s = 0;
  Plan plan = make_plan(experiment, catalogue, resolver);
  if (plan.cells.front().unmet) require_ok(*plan.cells.front().unmet, method.chain_name());
  check_text_lengths(plan);
  return plan;
}

std::vector<AppliedArtefact> fitted_artefacts(const Plan& plan, const Catalogue& catalogue,
                                              WorkerLauncher& launcher, Progress& progress,
                                              std::stop_token stop) {
  const std::string& key = plan.cells.front().artefact_key;
  for (const FitJob* job : plan.jobs_for(key)) {
    const fs::path path = artefact_path(job->key);
    if (cached_artefact(job->key)) continue;
    ensure_folder(path.parent_path());
    const FileLock lock(path, stop,
                        [&] { progress.step("waits for the fit that another program makes"); });
    if (stop.stop_requested()) throw Interrupted();
    if (cached_artefact(job->key)) continue;
    complete_artefact(job->key, fit(plan, *job, catalogue, launcher, progress));
  }
  return applied_until(plan, key);
}

void require_ok(const OutcomeReason& outcome, const std::string& what) {
  if (outcome.outcome == Outcome::kOk) return;
  if (outcome.outcome == Outcome::kInterrupted) throw Interrupted();
  const std::string text = fmt::format("{}: {}", what, outcome.text);
  if (outcome.outcome == Outcome::kUnmet && outcome.code != "machine") throw DoesNotApply(text);
  if (outcome.code == "bad_input" || outcome.code == "file") throw UserError(text);
  throw MachineError(fmt::format("{}: {} ({}): {}", what, outcome_name(outcome.outcome),
                                 outcome.code, outcome.text));
}

}  // namespace assay
