#include <fmt/format.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "harness/base/errors.h"
#include "harness/base/numbers.h"
#include "harness/base/output.h"
#include "harness/base/text.h"
#include "harness/cli/asked_experiment.h"
#include "harness/cli/commands.h"
#include "harness/cli/help.h"
#include "harness/cli/plugins.h"
#include "harness/cli/report_file.h"
#include "harness/cli/running.h"
#include "harness/cli/shell_word.h"
#include "reports/report.h"

namespace assay {
namespace {

struct RunArguments {
  ExperimentArguments experiment;
  std::string database = "results.db", report, instrument;
  RunOptions options;
  PrintChoice print;
  bool json = false;
  std::vector<std::string> only, retry_status, retry_now;
  bool debug = false, under_gdb = false;
};

/// Those that stand: what was interrupted is run again in any case.
constexpr Outcome kRetried[] = {Outcome::kCrashed, Outcome::kInvalid, Outcome::kNan,
                                Outcome::kOom,     Outcome::kTimeout, Outcome::kUnmet};

CLI::Validator status_to_retry() {
  std::vector<std::string> names;
  for (const Outcome outcome : kRetried) names.emplace_back(outcome_name(outcome));
  return CLI::IsMember(names);
}

CLI::Validator number_of_jobs() {
  return CLI::Validator(
      [](std::string& text) -> std::string {
        const auto jobs = number_from<std::int64_t>(text);
        if (jobs && *jobs >= 1 && *jobs <= static_cast<std::int64_t>(kMostJobs)) return "";
        return fmt::format("{} is not a whole number from 1 to {}", quoted_name(text), kMostJobs);
      },
      "");
}

RunOptions options_of(const RunArguments& arguments) {
  RunOptions options = arguments.options;
  options.count_instructions = !arguments.instrument.empty();
  for (const std::string& name : arguments.retry_status) {
    options.retry_outcomes.insert(outcome_from_name(name));
  }
  if (!arguments.retry_now.empty()) options.retry_now = retry_policy_from(arguments.retry_now);
  return options;
}

/// One worker has the terminal.
void refuse_jobs_to_debug(const RunArguments& arguments) {
  if (arguments.options.jobs == 1 || !(arguments.debug || arguments.under_gdb)) return;
  throw UserError("--jobs: --debug and --gdb run one worker, on the terminal; leave --jobs out");
}

/// What runs a failed cell again, but for its key; an experiment of options has no short one.
std::string command_of(const RunArguments& arguments) {
  const std::string& file = arguments.experiment.file;
  if (file.empty()) return "the same command with";
  return "assay run " + shell_word(file) + " --db " + shell_word(arguments.database);
}

void print_table(const Store& store, const std::string& experiment, const RunArguments& arguments) {
  if (arguments.json) {
    print_out(render_report(store, experiment, "json", {}));
  } else {
    print_coloured(render_report(store, experiment, "terminal", print_options(arguments.print)));
  }
}

void run(const RunArguments& arguments, CommandResult& result) {
  refuse_jobs_to_debug(arguments);
  RunOptions options = options_of(arguments);
  const Catalogue catalogue = load_catalogue_for(arguments.experiment.file);
  ToRun asked = {asked_experiment(arguments.experiment, catalogue), arguments.experiment.shown(),
                 [&] { save_experiment(arguments.experiment, catalogue); }};
  asked.only = arguments.only;
  asked.debug = arguments.debug || arguments.under_gdb;
  asked.under_gdb = arguments.under_gdb;
  options.command = command_of(arguments);
  const RanExperiment ran = run_experiment(asked, catalogue, arguments.database, options);
  result.code = ran.code;
  if (asked.debug) return;
  const Store store = Store::open_read_only(arguments.database);
  print_table(store, ran.name, arguments);
  if (!arguments.report.empty()) {
    write_report_file(arguments.report, render_report(store, ran.name, "md", {}));
  }
}

}  // namespace

void add_run_command(CLI::App& program, CommandResult& result) {
  CLI::App* command = add_command(
      program, "run",
      "Run an experiment: fit, score and time what the database does not hold yet, print the table",
      "assay run experiments/quickstart.toml --report report.md\n"
      "  assay run --model smollm2-135m --method wanda:sparsity=0.5 --method quantize:bits=4 "
      "--suite news-ppl --suite decode\n\n"
      "Exit code: 0 every cell is OK or does not apply; 2 bad input; 3 some cell could not be "
      "measured;\n"
      "130 interrupted (run it again to go on).");
  const auto arguments = std::make_shared<RunArguments>();
  add_experiment_options(*command, arguments->experiment);
  command->add_option("--db", arguments->database, "Results database, made when missing")
      ->check(database_place())
      ->capture_default_str();
  command->add_flag("--retry", arguments->options.retry,
                    "Run cells again that ended in anything but OK");
  command
      ->add_option("--retry-status", arguments->retry_status,
                   "Run cells again that ended so: CRASHED,OOM")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(status_to_retry());
  command
      ->add_option("--retry-now", arguments->retry_now,
                   "How often a cell is tried again within this run: CRASHED=2,TIMEOUT=1 (default: "
                   "a fit or score that a signal ended, once; CRASHED=0 for never)")
      ->delimiter(',')
      ->allow_extra_args(false);
  command
      ->add_option("-j,--jobs", arguments->options.jobs,
                   "Fits and scores at a time, each in a worker with the profile's threads and "
                   "memory limit; times are taken alone")
      ->check(number_of_jobs())
      ->capture_default_str();
  command->add_flag("--fail-fast", arguments->options.fail_fast,
                    "Begin nothing more after the first failed cell");
  command->add_option(
      "--only", arguments->only,
      "Keys (or beginnings of keys, as `assay plan` shows them) of the only cells to "
      "run: again where they failed, timed ones with their twins");
  command->add_flag("--debug", arguments->debug,
                    "Run the worker of the one cell of --only in the foreground, its log on the "
                    "terminal, without limits; store nothing");
  command->add_flag("--gdb", arguments->under_gdb, "As --debug, under gdb");
  command->add_flag("--isolate", arguments->options.isolated,
                    "Score every cell in a worker of its own (default: one loads the model for all "
                    "scores of an artefact)");
  command
      ->add_option("--instrument", arguments->instrument,
                   "callgrind: also count the instructions of suites of kind kernel (slow)")
      ->check(CLI::IsMember({"callgrind"}));
  command->add_option("--report", arguments->report, "Also write the table as Markdown");
  command->add_flag("--json", arguments->json, "As JSON");
  add_print_options(*command, arguments->print);
  command->callback([arguments, &result] { run(*arguments, result); });
}

}  // namespace assay
