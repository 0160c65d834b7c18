#include <fmt/format.h>

#include <memory>
#include <string>

#include "harness/base/output.h"
#include "harness/base/text.h"
#include "harness/cli/commands.h"
#include "harness/cli/help.h"
#include "harness/store/maintenance.h"

namespace assay {
namespace {

void vacuum(const std::string& database, bool json) {
  const VacuumDone done = vacuum_database(database);
  if (json) {
    print_json({{"database", database},
                {"bytes_before", done.bytes_before},
                {"bytes_after", done.bytes_after}});
    return;
  }
  print_out(fmt::format("{}: from {} to {}\n", database, human_bytes(done.bytes_before),
                        human_bytes(done.bytes_after)));
}

}  // namespace

void add_db_vacuum_command(CLI::App& db, CommandResult&) {
  CLI::App* command =
      add_command(db, "vacuum", "Give the space back that removed rows leave in a database",
                  "assay db vacuum results.db\n\n"
                  "Needs as much free space as the file has, and that nobody else uses it.");
  const auto database = std::make_shared<std::string>();
  command->add_option("database", *database, "Results database")
      ->required()
      ->check(database_place());
  const auto json = add_switch(*command, "--json", "As JSON");
  command->callback([database, json] { vacuum(*database, *json); });
}

}  // namespace assay
