#include <fmt/format.h>

#include <memory>
#include <string>

#include "harness/base/output.h"
#include "harness/cli/commands.h"
#include "harness/cli/help.h"
#include "harness/store/maintenance.h"

namespace assay {
namespace {

void migrate_file(const std::string& database, bool json) {
  const MigrationDone done = migrate_database(database);
  if (json) {
    print_json({{"database", database},
                {"from", done.from},
                {"to", done.to},
                {"backup", done.backup.string()}});
  } else if (done.from == done.to) {
    print_out(fmt::format("{}: has schema {}, the newest; nothing was done\n", database, done.to));
  } else {
    print_out(fmt::format("{}: from schema {} to {}; the file as it was is {}\n", database,
                          done.from, done.to, done.backup.string()));
  }
}

}  // namespace

void add_db_migrate_command(CLI::App& db, CommandResult&) {
  CLI::App* command = add_command(
      db, "migrate",
      "Bring a database of an older assay to this one's schema, after keeping a copy",
      "assay db migrate results.db\n\n"
      "`assay run` does so by itself. The old state stays as FILE.v<old>.bak; a file of a newer\n"
      "assay is refused, and none ever goes back to an older schema.");
  const auto database = std::make_shared<std::string>();
  command->add_option("database", *database, "Results database")
      ->required()
      ->check(database_place());
  const auto json = add_switch(*command, "--json", "As JSON");
  command->callback([database, json] { migrate_file(*database, *json); });
}

}  // namespace assay
