#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <string>

#include "harness/base/clock.h"
#include "harness/base/files.h"
#include "harness/base/text.h"
#include "harness/cli/commands.h"
#include "harness/cli/help.h"
#include "harness/runner/calibration_check.h"
#include "harness/runner/disk_resolver.h"
#include "harness/runner/process_launcher.h"
#include "harness/runner/runner.h"
#include "harness/runner/stop.h"
#include "reports/report.h"

namespace assay {
namespace {

struct RunArguments {
  std::string file, database = "results.db", report;
  RunOptions options;
};

std::string summary_line(const RunSummary& summary, double seconds) {
  std::string text =
      fmt::format("{} cells OK, {} UNMET, {} failed", summary.ok, summary.unmet, summary.failed);
  if (summary.not_run > 0) text += fmt::format(", {} not run", summary.not_run);
  return text + fmt::format("; {} of them stored before; {} artefacts fitted; {}", summary.cached,
                            summary.fitted, human_seconds(seconds));
}

void run_experiment(const RunArguments& arguments, CommandResult& result) {
  const double start = monotonic_seconds();
  const StopHandlers handlers;
  StderrProgress progress;
  const Catalogue catalogue = load_catalogue();
  const Experiment experiment = read_experiment(arguments.file, catalogue);
  Store store = Store::open(arguments.database);
  DiskResolver resolver(
      catalogue, [&](const std::string& text) { progress.step(text); }, handlers.stop());
  const Plan plan = make_plan(experiment, catalogue, resolver);
  check_calibration_texts(plan);
  ProcessLauncher launcher(handlers.stop(), handlers.kill());
  const RunSummary summary =
      run_plan(plan, catalogue, store, launcher, progress, arguments.options);
  progress.step(summary_line(summary, monotonic_seconds() - start));
  fmt::print("{}", render_report(store, experiment.name, "terminal", terminal_options()));
  if (!arguments.report.empty()) {
    write_file_atomically(arguments.report, render_report(store, experiment.name, "md", {}));
  }
  result.code = summary.exit_code();
}

}  // namespace

void add_run_command(CLI::App& program, CommandResult& result) {
  CLI::App* command = add_command(
      program, "run",
      "Run an experiment: fit, score and time what the database does not hold yet, print the table",
      "assay run experiments/quickstart.toml --report report.md\n\n"
      "Exit code: 0 every cell is OK or UNMET; 2 bad input; 3 some cell could not be measured;\n"
      "130 interrupted (run it again to go on).");
  const auto arguments = std::make_shared<RunArguments>();
  command->add_option("file", arguments->file, "Experiment file (TOML)")->required();
  command->add_option("--db", arguments->database, "Results database, made when missing")
      ->capture_default_str();
  command->add_flag("--retry", arguments->options.retry,
                    "Run cells again that ended in anything but OK");
  command->add_flag("--fail-fast", arguments->options.fail_fast, "Stop at the first failed cell");
  command->add_option("--report", arguments->report, "Also write the table as Markdown");
  command->callback([arguments, &result] { run_experiment(*arguments, result); });
}

}  // namespace assay
