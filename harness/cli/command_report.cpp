#include <fmt/format.h>

#include <memory>
#include <string>

#include "harness/base/files.h"
#include "harness/base/text.h"
#include "harness/cli/commands.h"
#include "harness/cli/help.h"
#include "reports/report.h"

namespace assay {
namespace {

struct ReportArguments {
  std::string database, experiment, output;
  std::string format = "terminal";
};

void write_report(const ReportArguments& arguments) {
  const Store store = Store::open_read_only(arguments.database);
  const std::string text =
      render_report(store, arguments.experiment, arguments.format,
                    arguments.output.empty() ? terminal_options() : RenderOptions{});
  if (arguments.output.empty()) {
    fmt::print("{}", text);
  } else {
    write_file_atomically(arguments.output, text);
  }
}

}  // namespace

void add_report_command(CLI::App& program, CommandResult&) {
  CLI::App* command = add_command(program, "report", "Print what a database holds",
                                  "assay report results.db --format md -o report.md");
  const auto arguments = std::make_shared<ReportArguments>();
  command->add_option("database", arguments->database, "Results database")->required();
  command->add_option("--format", arguments->format, "One of " + join(report_formats(), ", "))
      ->capture_default_str();
  command->add_option("--experiment", arguments->experiment, "Only this experiment; default: all");
  command->add_option("-o,--output", arguments->output, "File to write instead of standard output");
  command->callback([arguments] { write_report(*arguments); });
}

}  // namespace assay
