#include "harness/cli/running.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>

#include "harness/base/clock.h"
#include "harness/base/output.h"
#include "harness/base/text.h"
#include "harness/cli/chosen_cells.h"
#include "harness/cli/debugging.h"
#include "harness/cli/measured_demand.h"
#include "harness/cli/needed_models.h"
#include "harness/protocol/common_metrics.h"
#include "harness/runner/callgrind.h"
#include "harness/runner/disk_resolver.h"
#include "harness/runner/process_launcher.h"
#include "harness/runner/stop.h"
#include "harness/runner/text_lengths.h"
#include "harness/runner/training_check.h"
#include "harness/store/place.h"

namespace assay {
namespace {

std::string summary_line(const RunSummary& summary, double seconds) {
  std::string text =
      fmt::format("{} cells OK, {} UNMET, {} failed", summary.ok, summary.unmet, summary.failed);
  if (summary.not_run > 0) text += fmt::format(", {} not run", summary.not_run);
  return text + fmt::format("; {} of them stored before; {} artefacts fitted; {}", summary.cached,
                            summary.fitted, human_seconds(seconds));
}

/// A second instrument that is not there, or has nothing to count, is found before anything runs.
void check_instrument(const RunOptions& options, const Plan& plan, const std::string& file) {
  if (!options.count_instructions) return;
  (void)valgrind_program();
  const auto& suites = plan.experiment.suites;
  const bool any = std::any_of(suites.begin(), suites.end(),
                               [](const SuiteChoice& suite) { return suite.kind == kCountedKind; });
  if (any) return;
  throw UserError(fmt::format(
      "--instrument callgrind: {} has no suite of kind {}, and only those can be counted", file,
      kCountedKind));
}

/// None yet for a new name: a plan that is refused leaves no file behind.
std::optional<Store> open_if_there(const std::string& database) {
  check_database_place(database);
  std::error_code ignored;
  if (!std::filesystem::exists(database, ignored)) return std::nullopt;
  return Store::open(database);
}

void warn_of_shared_place(const std::string& database, Progress& progress) {
  const std::string kind = shared_file_system(database);
  if (kind.empty()) return;
  progress.step(
      fmt::format("note: {} lies on a network file system ({}), where locks between machines are "
                  "not to be relied on; use it from one machine at a time, or choose a local disk",
                  database, kind));
}

ExitCode debug_only(const Plan& plan, const Catalogue& catalogue,
                    const std::vector<const Cell*>& only, const ToRun& asked) {
  if (only.size() == 1) return debug_cell(plan, catalogue, *only.front(), asked.under_gdb);
  throw UserError(
      fmt::format("--debug runs one cell, and {} are chosen; name it with --only KEY (`assay plan` "
                  "shows the keys)",
                  only.empty() ? plan.cells.size() : only.size()));
}

}  // namespace

RanExperiment run_experiment(const ToRun& asked, const Catalogue& catalogue,
                             const std::string& database, const RunOptions& options) {
  const double start = monotonic_seconds();
  const StopHandlers handlers;
  StderrProgress progress;
  std::optional<Store> store = open_if_there(database);
  warn_of_shared_place(database, progress);
  require_hub_models(asked.experiment, catalogue, handlers.stop());
  DiskResolver resolver(
      catalogue, [&](const std::string& text) { progress.step(text); }, handlers.stop());
  const Plan plan = make_plan(asked.experiment, catalogue, resolver);
  check_text_lengths(plan);
  check_training_texts(plan, catalogue);
  check_instrument(options, plan, asked.shown);
  const std::vector<const Cell*> only = cells_by_key(plan, catalogue, asked.only);
  if (asked.debug) return {asked.experiment.name, debug_only(plan, catalogue, only, asked)};
  asked.accepted();
  if (!store) store.emplace(Store::open(database));
  ProcessLauncher launcher(handlers.stop(), handlers.kill());
  if (asked.say_demand) {
    for (const MeasuredDemand& one : measure_demands(plan, catalogue, &*store, launcher)) {
      print_error(demand_text(one.demand, one.speed));
    }
  }
  RunOptions stoppable = options;
  stoppable.stop = handlers.stop();
  for (const Cell* cell : only) stoppable.only.insert(cell->key);
  const RunSummary summary = run_plan(plan, catalogue, *store, launcher, progress, stoppable);
  progress.step(summary_line(summary, monotonic_seconds() - start));
  return {asked.experiment.name, summary.exit_code()};
}

}  // namespace assay
