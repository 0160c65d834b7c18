#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "harness/base/files.h"
#include "harness/base/output.h"
#include "harness/base/text.h"
#include "harness/claims/render_claims.h"
#include "harness/cli/commands.h"
#include "harness/cli/help.h"
#include "harness/cli/needed_models.h"
#include "harness/cli/running.h"

namespace assay {
namespace fs = std::filesystem;
namespace {

constexpr const char* kUsualDatabase = "results.db";

struct ReproduceArguments {
  std::string name, format = "terminal", scale = "local";
  std::vector<std::string> databases;
  bool run = false, json = false, all = false, list = false;
  PrintChoice print;
};

bool there(const fs::path& path) {
  std::error_code missing;
  return fs::exists(path, missing);
}

std::string first_database(const ReproduceArguments& arguments) {
  return arguments.databases.empty() ? kUsualDatabase : arguments.databases.front();
}

/// The experiment that asks the questions of a paper, on small models or on its own: that of the
/// name itself, or of the only paper behind the claims.
fs::path experiment_of(const ReproduceArguments& arguments, const std::vector<ClaimOf>& claims) {
  const std::string& name = arguments.name;
  std::set<std::string> names{name};
  for (const ClaimOf& claim : claims) names.insert(claim.paper->name);
  std::vector<fs::path> found;
  for (const std::string& one : names) {
    const fs::path file =
        share_folder() / "experiments" / fmt::format("{}_{}.toml", arguments.scale, one);
    if (!there(file)) continue;
    if (one == name) return file;
    found.push_back(file);
  }
  if (found.size() == 1) return found.front();
  throw UserError(fmt::format("'{}' has {} experiments of scale {} (experiments/{}_*.toml); {}",
                              name, found.size(), arguments.scale, arguments.scale,
                              found.empty()
                                  ? "its method is not in assay yet, so nothing can be run"
                                  : "name one of the papers: assay reproduce --list"));
}

void run_experiments(const ReproduceArguments& arguments, const Catalogue& catalogue,
                     const std::vector<ClaimOf>& claims, CommandResult& result) {
  const fs::path file = experiment_of(arguments, claims);
  const Experiment experiment = read_experiment(file, catalogue);
  print_error(
      fmt::format("running {}\n{}", file.string(), model_places_text(experiment, catalogue)));
  const RanExperiment ran =
      run_experiment({.experiment = experiment, .shown = file.string(), .say_demand = true},
                     catalogue, first_database(arguments), {});
  if (ran.code == ExitCode::kInterrupted) result.code = ran.code;
}

/// Those named, which must be there; else results.db, when it is there.
std::vector<std::string> databases_to_read(const ReproduceArguments& arguments) {
  if (!arguments.databases.empty()) return arguments.databases;
  if (there(kUsualDatabase)) return {kUsualDatabase};
  return {};
}

std::vector<Measured> read_all(const std::vector<std::string>& databases) {
  std::vector<Measured> measured;
  for (const std::string& database : databases) {
    const Store store = Store::open_read_only(database);
    std::vector<Measured> found = read_measured(store, database);
    measured.insert(measured.end(), std::make_move_iterator(found.begin()),
                    std::make_move_iterator(found.end()));
  }
  return measured;
}

void print_reproduction(const Reproduction& reproduction, const ReproduceArguments& arguments,
                        ExitCode code) {
  if (arguments.json) {
    print_json(claims_json(reproduction, code));
  } else if (arguments.format == "md") {
    print_out(claims_markdown(reproduction));
  } else if (arguments.format == "csv") {
    print_out(claims_csv(reproduction));
  } else {
    print_coloured(claims_text(reproduction, print_options(arguments.print)));
  }
}

void list_papers(const ReproduceArguments& arguments, const ClaimSet& claims,
                 const MethodKnowledge& methods) {
  if (arguments.json) {
    print_json(papers_json(claims, methods));
  } else {
    print_coloured(papers_text(claims, methods));
  }
}

void reproduce(const ReproduceArguments& arguments, CommandResult& result) {
  const Catalogue catalogue = load_catalogue();
  const ClaimSet claims = read_claims(share_folder());
  check_claims(claims, catalogue);
  const MethodKnowledge methods = method_knowledge(catalogue);
  if (arguments.list) return list_papers(arguments, claims, methods);
  if (arguments.name.empty()) {
    throw UserError("name a paper or a method, or give --list; for example: assay reproduce wanda");
  }
  const std::vector<ClaimOf> asked = find_claims(claims, arguments.name);
  if (arguments.run) run_experiments(arguments, catalogue, asked, result);
  if (result.code == ExitCode::kInterrupted) return;
  Reproduction reproduction;
  reproduction.name = arguments.name;
  reproduction.all = arguments.all;
  reproduction.databases = databases_to_read(arguments);
  reproduction.judgements = judge_claims(claims, asked, read_all(reproduction.databases), methods);
  result.code = exit_code_of(reproduction.judgements);
  print_reproduction(reproduction, arguments, result.code);
}

}  // namespace

void add_reproduce_command(CLI::App& program, CommandResult& result) {
  CLI::App* command = add_command(
      program, "reproduce",
      "Say of each published value of a paper whether it came out here, or why the two cannot be "
      "compared",
      "assay reproduce wanda --db results.db\n"
      "  assay reproduce tardis --run --db tardis.db\n"
      "  assay reproduce --list\n\n"
      "Exit code: 0 everything comparable came out; 1 a verified value did not; 2 bad input;\n"
      "3 nothing was comparable.");
  const auto arguments = std::make_shared<ReproduceArguments>();
  command->add_option("NAME", arguments->name, "A paper, or a method of several papers");
  command
      ->add_option("--db", arguments->databases,
                   "Results database; may be given several times; default: results.db")
      ->check(database_place())
      ->take_all();
  CLI::Option* run =
      command->add_flag("--run", arguments->run,
                        "First run the paper's experiment into the (first) database; it says how "
                        "much memory and time that takes at least");
  command
      ->add_option("--scale", arguments->scale,
                   "Of --run: local (small models, minutes) or paper (its own models; hours, and "
                   "memory for them)")
      ->check(CLI::IsMember({"local", "paper"}))
      ->needs(run)
      ->capture_default_str();
  command->add_option("--format", arguments->format, "terminal, md or csv")
      ->check(CLI::IsMember({"terminal", "md", "csv"}))
      ->capture_default_str();
  command->add_flag("--json", arguments->json, "As JSON");
  command->add_flag("--all", arguments->all,
                    "Also rows that are only recalled or have no value yet; they are no claims");
  add_colour_option(*command, arguments->print);
  command->add_flag("--list", arguments->list, "List the papers with counts by evidence");
  command->callback([arguments, &result] { reproduce(*arguments, result); });
}

}  // namespace assay
