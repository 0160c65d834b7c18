#include <fmt/format.h>

#include <memory>
#include <string>

#include "harness/base/output.h"
#include "harness/cli/commands.h"
#include "harness/cli/help.h"
#include "harness/store/exchange.h"

namespace assay {
namespace {

void import_database(const std::string& database, const std::string& file, bool json) {
  const ImportedLines counts = import_lines(file, database);
  if (json) {
    print_json({{"database", database},
                {"plans", counts.plans},
                {"attempts", counts.attempts},
                {"known_plans", counts.known_plans},
                {"known_attempts", counts.known_attempts}});
    return;
  }
  print_out(fmt::format(
      "{}: {} attempts of {} plans; {} attempts and {} plans were there already\n", database,
      counts.attempts, counts.plans, counts.known_attempts, counts.known_plans));
}

}  // namespace

void add_db_import_command(CLI::App& db, CommandResult&) {
  CLI::App* command = add_command(
      db, "import", "Read what `assay db export` wrote: all of the file, or nothing of it",
      "assay db import copy.db results.jsonl\n\n"
      "Attempts keep their identity, their machine and their checksum, which is verified. So "
      "times\n"
      "are never taken for ones of this machine, and a second import adds nothing. CSV and "
      "results\n"
      "of other programs are read by `assay import`, and marked as imported.");
  const auto database = std::make_shared<std::string>();
  const auto file = std::make_shared<std::string>();
  command->add_option("database", *database, "Results database, made when missing")
      ->required()
      ->check(database_place());
  command->add_option("file", *file, "JSON Lines of `assay db export`")->required();
  const auto json = add_switch(*command, "--json", "As JSON");
  command->callback([database, file, json] { import_database(*database, *file, *json); });
}

}  // namespace assay
