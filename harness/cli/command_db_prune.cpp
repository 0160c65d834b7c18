#include <fmt/format.h>

#include <memory>
#include <string>
#include <vector>

#include "harness/base/output.h"
#include "harness/cli/commands.h"
#include "harness/cli/help.h"
#include "harness/store/maintenance.h"

namespace assay {
namespace {

struct DatabasePrune {
  std::string database;
  PruneChoice choice;
  bool json = false;
};

std::string lines_of(const std::string& what, const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += fmt::format("{} {}\n", what, line);
  return text;
}

void prune(const DatabasePrune& arguments) {
  const Pruned pruned = prune_database(arguments.database, arguments.choice);
  if (arguments.json) {
    print_json({{"database", arguments.database},
                {"dry_run", arguments.choice.dry_run},
                {"plans", pruned.plans},
                {"attempts", pruned.attempts},
                {"documents", pruned.documents},
                {"machines", pruned.machines},
                {"files", pruned.files}});
    return;
  }
  print_out(lines_of("plan", pruned.plans) + lines_of("attempt", pruned.attempts) +
            lines_of("file", pruned.files) +
            fmt::format("{}: {} attempts, {} plans and {} documents {}\n", arguments.database,
                        pruned.attempts.size(), pruned.plans.size(), pruned.documents,
                        arguments.choice.dry_run
                            ? "would be removed"
                            : "removed; `assay db vacuum` gives their space back"));
}

}  // namespace

void add_db_prune_command(CLI::App& db, CommandResult&) {
  CLI::App* command = add_command(
      db, "prune", "Remove from a database what no report shows any more",
      "assay db prune results.db --dry-run\n"
      "  assay db prune results.db --experiment old-idea\n\n"
      "Without options: attempts that a newer one of the same cell replaced, older plans of each\n"
      "experiment, and what only they refer to. `assay history` forgets them, too, unless\n"
      "--keep-history is given. What a baseline refers to, and what is running, always stays.");
  const auto arguments = std::make_shared<DatabasePrune>();
  PruneChoice& choice = arguments->choice;
  command->add_option("database", arguments->database, "Results database")
      ->required()
      ->check(database_place());
  command->add_flag("--dry-run", choice.dry_run, "Only list what would be removed");
  CLI::Option* history = command->add_flag(
      "--keep-history", choice.keep_history,
      "Remove failed tries alone: every measurement that is OK stays, for `assay history`");
  CLI::Option* experiment = command
                                ->add_option("--experiment", choice.experiment,
                                             "Remove this experiment with all of its plans, alone")
                                ->excludes(history);
  command
      ->add_flag("--damaged", choice.damaged,
                 "Remove attempts that `assay db check` finds damaged, alone")
      ->excludes(history)
      ->excludes(experiment);
  command->add_flag("--json", arguments->json, "As JSON");
  command->callback([arguments] { prune(*arguments); });
}

}  // namespace assay
