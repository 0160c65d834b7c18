#include <fmt/format.h>

#include <memory>
#include <string>

#include "harness/base/files.h"
#include "harness/base/json_text.h"
#include "harness/base/output.h"
#include "harness/cli/commands.h"
#include "harness/cli/help.h"
#include "harness/store/exchange.h"

namespace assay {
namespace {

struct DatabaseExport {
  std::string database, experiment, output;
  bool json = false;
};

/// Lines go out as they come; a file is written as a whole.
void export_database(const DatabaseExport& arguments) {
  std::string text;
  const ExportCounts counts =
      export_lines(arguments.database, arguments.experiment, [&](const Json& line) {
        const std::string written = json_text(line) + "\n";
        if (arguments.output.empty()) {
          print_out(written);
        } else {
          text += written;
        }
      });
  if (counts.running > 0) {
    print_error(
        fmt::format("assay: {} attempts that have not ended are left out\n", counts.running));
  }
  if (arguments.output.empty()) return;
  write_output_file(arguments.output, text);
  if (arguments.json) {
    print_json(
        {{"file", arguments.output}, {"plans", counts.plans}, {"attempts", counts.attempts}});
  } else {
    print_out(fmt::format("{}: {} attempts of {} plans\n", arguments.output, counts.attempts,
                          counts.plans));
  }
}

}  // namespace

void add_db_export_command(CLI::App& db, CommandResult&) {
  CLI::App* command = add_command(
      db, "export",
      "Write what a database holds as JSON Lines, one attempt a line with raw samples",
      "assay db export results.db -o results.jsonl\n\n"
      "`assay db import` makes an equal database of it. docs/formats/database.md has the lines.\n"
      "Standard output is always JSON Lines; --json says what was written to a file.");
  const auto arguments = std::make_shared<DatabaseExport>();
  command->add_option("database", arguments->database, "Results database")
      ->required()
      ->check(database_place());
  command->add_option("--experiment", arguments->experiment, "Only this experiment");
  command->add_option("-o,--output", arguments->output, "File to write instead of standard output");
  command->add_flag("--json", arguments->json, "As JSON");
  command->callback([arguments] { export_database(*arguments); });
}

}  // namespace assay
