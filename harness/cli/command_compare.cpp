#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "harness/base/text.h"
#include "harness/cli/commands.h"
#include "harness/cli/comparing.h"
#include "harness/cli/help.h"
#include "harness/store/database_check.h"

namespace assay {
namespace {

struct TwoSides : CompareArguments {
  std::string a, b, database, experiment;
};

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// Experiment of two databases: as asked, the only one of both, or the only name in common.
std::pair<std::string, std::string> experiments_of(const Store& a, const Store& b,
                                                   const TwoSides& arguments) {
  if (!arguments.experiment.empty()) return {arguments.experiment, arguments.experiment};
  const std::vector<std::string> left = a.experiments();
  const std::vector<std::string> right = b.experiments();
  if (left.size() == 1 && right.size() == 1) return {left.front(), right.front()};
  std::vector<std::string> common;
  for (const std::string& name : left) {
    if (contains(right, name)) common.push_back(name);
  }
  if (common.size() == 1) return {common.front(), common.front()};
  throw UserError(fmt::format(
      "{} and {} have {} experiments in common; choose one with --experiment. {}: {}; {}: {}",
      arguments.a, arguments.b, common.size(), arguments.a, join(left, ", "), arguments.b,
      join(right, ", ")));
}

/// One side of a comparison.
struct Side {
  std::string database, experiment;
  bool operator==(const Side&) const = default;
};

/// Both at once: each reads all of its samples, on a connection of its own.
void require_both_whole(const Side& a, const Side& b) {
  std::future<void> other;
  if (a != b) {
    other = std::async(std::launch::async, [&] { require_whole(b.database, b.experiment); });
  }
  require_whole(a.database, a.experiment);
  if (other.valid()) other.get();
}

Comparison compare_databases(const TwoSides& arguments) {
  const Store a = Store::open_read_only(arguments.a);
  const Store b = Store::open_read_only(arguments.b);
  const auto [left, right] = experiments_of(a, b, arguments);
  require_both_whole({arguments.a, left}, {arguments.b, right});
  const std::vector<CellRecord> candidates = b.cell_records(right);
  Rules rules = rules_of(arguments);
  use_measured_floor(rules, b, candidates);
  return compare_cells(a.cell_records(left), candidates, rules,
                       {.only_common = arguments.only_common});
}

Comparison compare_within(const TwoSides& arguments) {
  const Store store = Store::open_read_only(arguments.database);
  const std::vector<std::string> names = store.experiments();
  Rules rules = rules_of(arguments);
  if (contains(names, arguments.a) && contains(names, arguments.b)) {
    require_both_whole({arguments.database, arguments.a}, {arguments.database, arguments.b});
    const std::vector<CellRecord> candidates = store.cell_records(arguments.b);
    use_measured_floor(rules, store, candidates);
    return compare_cells(store.cell_records(arguments.a), candidates, rules,
                         {.only_common = arguments.only_common});
  }
  for (const std::string& side : {arguments.a, arguments.b}) {
    if (side.find('@') != std::string::npos && !contains(names, side)) {
      throw UserError(fmt::format("{}: {}", arguments.database,
                                  unknown_name_message("experiment or baseline", side, names)));
    }
  }
  const std::string experiment = only_experiment(store, arguments.experiment, arguments.database);
  require_whole(arguments.database, experiment);
  const std::vector<CellRecord> cells = store.cell_records(experiment);
  use_measured_floor(rules, store, cells);
  return compare_cells(cells_of_method(cells, arguments.a), cells_of_method(cells, arguments.b),
                       rules, {.across_methods = true, .only_common = arguments.only_common});
}

void compare(const TwoSides& arguments, CommandResult& result) {
  Comparison comparison =
      arguments.database.empty() ? compare_databases(arguments) : compare_within(arguments);
  comparison.base = arguments.a;
  comparison.candidate = arguments.b;
  note_unconfirmed(comparison);
  finish_comparison(comparison, arguments, result);
}

}  // namespace

void add_compare_command(CLI::App& program, CommandResult& result) {
  CLI::App* command = add_command(
      program, "compare",
      "Say of each metric whether B is better, the same or worse than A: two databases, or (with "
      "--db) two experiments, baselines or methods of one database",
      "assay compare old.db new.db --markdown summary.md\n"
      "  assay compare dense wanda:sparsity=0.5 --db results.db\n"
      "  assay compare main@1f2e3d main@4c5b6a --db baselines.db --json\n\n"
      "Exit code: 0 nothing got worse; 1 something did; 2 bad input; 3 something could not be\n"
      "measured or compared; 4 something could not be decided.");
  const auto arguments = std::make_shared<TwoSides>();
  command->add_option("A", arguments->a, "Base")->required();
  command->add_option("B", arguments->b, "Candidate")->required();
  command->add_option("--db", arguments->database, "Database that holds both sides")
      ->check(database_place());
  command->add_option("--experiment", arguments->experiment,
                      "Experiment to compare; needed where there are several");
  add_compare_options(*command, *arguments);
  command->callback([arguments, &result] { compare(*arguments, result); });
}

}  // namespace assay
