#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "harness/base/files.h"
#include "harness/base/output.h"
#include "harness/base/text.h"
#include "harness/cli/commands.h"
#include "harness/cli/comparing.h"
#include "harness/cli/help.h"
#include "harness/store/records.h"
#include "harness/store/store.h"

namespace assay {
namespace {

struct SaveArguments {
  std::string name, commit, experiment;
  std::string database = "results.db", baselines = "baselines.db";
  bool replace = false, json = false;
};

/// Of the option, else of the continuous integration's environment.
std::string commit_of(const SaveArguments& arguments) {
  const std::string commit =
      !arguments.commit.empty() ? arguments.commit
                                : environment_or("GITHUB_SHA", environment_or("CI_COMMIT_SHA", ""));
  if (commit.empty()) {
    throw UserError(
        "no commit: name one with --commit (GITHUB_SHA and CI_COMMIT_SHA are not set either)");
  }
  for (const std::string& part : {arguments.name, commit}) {
    if (part.find('@') != std::string::npos || part.empty()) {
      throw UserError(
          fmt::format("'{}': names and commits of baselines are not empty and hold no @", part));
    }
  }
  return commit;
}

std::string experiment_of(const SaveArguments& arguments) {
  const Store store = Store::open_read_only(arguments.database, Store::Older::kRefuse);
  const std::vector<std::string> names = store.experiments();
  const std::string name = only_experiment(store, arguments.experiment, arguments.database);
  if (std::find(names.begin(), names.end(), name) != names.end()) return name;
  throw UserError(
      fmt::format("{}: {}", arguments.database, unknown_name_message("experiment", name, names)));
}

void save(const SaveArguments& arguments) {
  std::error_code none;
  if (std::filesystem::equivalent(arguments.database, arguments.baselines, none)) {
    throw UserError(fmt::format("{}: is named as --db and as --baselines; name two files",
                                arguments.baselines));
  }
  const std::string commit = commit_of(arguments);
  const std::string experiment = experiment_of(arguments);
  Store store = Store::open(arguments.baselines);
  store.save_baseline(arguments.database, experiment, arguments.name, commit, arguments.replace);
  if (arguments.json) {
    print_json({{"name", arguments.name}, {"commit", commit}, {"experiment", experiment}});
    return;
  }
  print_out(
      fmt::format("{}@{}: {} of {}\n", arguments.name, commit, experiment, arguments.database));
}

void list(const std::string& database, bool json) {
  const Store store = Store::open_read_only(database);
  Json document = Json::array();
  std::vector<std::pair<std::string, std::string>> rows;
  for (const Baseline& baseline : store.baselines()) {
    document.push_back({{"name", baseline.name},
                        {"commit", baseline.commit},
                        {"experiment", baseline.experiment},
                        {"saved_utc", baseline.saved_utc}});
    rows.emplace_back(baseline.stored_as(),
                      fmt::format("{}, saved {}", baseline.experiment, baseline.saved_utc));
  }
  if (json) {
    print_json(document);
  } else {
    print_out(two_columns(rows));
  }
}

}  // namespace

void add_baseline_command(CLI::App& program, CommandResult&) {
  CLI::App* baseline =
      add_command(program, "baseline", "Keep results to compare later ones with",
                  "assay baseline save main --db results.db --baselines baselines.db");
  baseline->require_subcommand(1);
  CLI::App* keep = add_command(
      *baseline, "save", "Copy an experiment's results under a name and commit",
      "assay baseline save main --commit 1f2e3d --db results.db --baselines baselines.db");
  const auto arguments = std::make_shared<SaveArguments>();
  keep->add_option("name", arguments->name, "Name, for example of the branch")->required();
  keep->add_option("--commit", arguments->commit,
                   "Commit; default: GITHUB_SHA or CI_COMMIT_SHA of the environment");
  keep->add_option("--db", arguments->database, "Results database to copy from")
      ->check(database_place())
      ->capture_default_str();
  keep->add_option("--baselines", arguments->baselines, "Database to copy to, made when missing")
      ->check(database_place())
      ->capture_default_str();
  keep->add_option("--experiment", arguments->experiment, "Needed where there are several");
  keep->add_flag("--replace", arguments->replace, "Overwrite a baseline of this name and commit");
  keep->add_flag("--json", arguments->json, "As JSON");
  keep->callback([arguments] { save(*arguments); });
  CLI::App* show = add_command(*baseline, "list", "List the baselines of a database, newest last",
                               "assay baseline list --baselines baselines.db --json");
  const auto database = std::make_shared<std::string>("baselines.db");
  show->add_option("--baselines", *database, "Database with baselines")
      ->check(database_place())
      ->capture_default_str();
  const auto json = add_switch(*show, "--json", "As JSON");
  show->callback([database, json] { list(*database, *json); });
}

}  // namespace assay
