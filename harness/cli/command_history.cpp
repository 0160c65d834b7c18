#include <fmt/format.h>

#include <memory>
#include <string>

#include "harness/base/output.h"
#include "harness/base/text.h"
#include "harness/cli/commands.h"
#include "harness/cli/help.h"
#include "harness/cli/report_file.h"
#include "reports/history.h"

namespace assay {
namespace {

constexpr double kMostPercent = 1e6;

struct HistoryArguments {
  std::string metric, format, output;
  std::string database = "baselines.db";
  double threshold = 5;
  HistoryOptions options;
  PrintChoice print;
};

void write_history(HistoryArguments arguments) {
  if (!(arguments.threshold >= 0)) throw UserError("--threshold: give percent, 0 or more");
  arguments.options.threshold = arguments.threshold / 100;
  const bool file = !arguments.output.empty();
  std::string format = arguments.format;
  if (format.empty() && file) format = report_format_of_path(arguments.output);
  if (format.empty()) format = "terminal";
  const Store store = Store::open_read_only(arguments.database);
  const std::string text =
      render_history(store, arguments.metric, arguments.options, format,
                     file ? file_options(arguments.print) : print_options(arguments.print));
  if (file) {
    write_report_file(arguments.output, text);
  } else {
    format == "terminal" ? print_coloured(text) : print_out(text);
  }
}

}  // namespace

void add_history_command(CLI::App& program, CommandResult&) {
  CLI::App* command =
      add_command(program, "history",
                  "Show a metric over saved baselines and runs, with the steps in its level",
                  "assay history decode/token_latency --db baselines.db -o history.html");
  const auto arguments = std::make_shared<HistoryArguments>();
  command->add_option("metric", arguments->metric, "Its tag, for example token_ppl")->required();
  command->add_option("--db", arguments->database, "Database with baselines or results")
      ->check(database_place())
      ->capture_default_str();
  command->add_option("--experiment", arguments->options.experiment,
                      "Only this experiment, or the baselines of this name");
  command
      ->add_option("--where", arguments->options.where,
                   "Only results with FIELD=VALUE; may be given several times")
      ->allow_extra_args(false);
  command->add_option("--threshold", arguments->threshold, "Smallest step to tell, in percent")
      ->check(number_within(0, kMostPercent))
      ->capture_default_str();
  command->add_option("--format", arguments->format, "One of " + join(report_formats(), ", "));
  command
      ->add_flag_callback(
          "--json", [arguments] { arguments->format = "json"; },
          "As JSON: the same as --format json")
      ->excludes("--format");
  command->add_option("-o,--output", arguments->output, "File to write instead of standard output");
  add_print_options(*command, arguments->print);
  command->callback([arguments] { write_history(*arguments); });
}

}  // namespace assay
