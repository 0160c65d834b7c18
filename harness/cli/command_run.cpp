#include <fmt/format.h>

#include <memory>
#include <string>

#include "harness/base/output.h"
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
  std::vector<std::string> only;
  bool debug = false, under_gdb = false;
};

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
  const Catalogue catalogue = load_catalogue_for(arguments.experiment.file);
  ToRun asked = {asked_experiment(arguments.experiment, catalogue), arguments.experiment.shown(),
                 [&] { save_experiment(arguments.experiment, catalogue); }};
  asked.only = arguments.only;
  asked.debug = arguments.debug || arguments.under_gdb;
  asked.under_gdb = arguments.under_gdb;
  RunOptions options = arguments.options;
  options.command = command_of(arguments);
  options.count_instructions = !arguments.instrument.empty();
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
  command->add_flag("--fail-fast", arguments->options.fail_fast, "Stop at the first failed cell");
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
