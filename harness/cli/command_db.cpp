#include "harness/cli/commands.h"
#include "harness/cli/help.h"

namespace assay {

void add_db_command(CLI::App& program, CommandResult&) {
  CLI::App* db =
      add_command(program, "db", "Check, migrate, shrink, export and import results databases",
                  "assay db check results.db");
  db->require_subcommand(1);
}

}  // namespace assay
