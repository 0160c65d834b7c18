#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "harness/base/output.h"
#include "harness/base/text.h"
#include "harness/cli/commands.h"
#include "harness/cli/comparing.h"
#include "harness/cli/help.h"
#include "harness/cli/plugins.h"
#include "harness/runner/callgrind.h"
#include "harness/runner/disk_resolver.h"
#include "harness/runner/process_launcher.h"
#include "harness/runner/runner.h"
#include "harness/runner/stop.h"
#include "harness/runner/text_lengths.h"
#include "harness/runner/training_check.h"
#include "harness/store/database_check.h"

namespace assay {
namespace {

struct CheckArguments : CompareArguments {
  std::string file, baseline, name, database = "results.db", instrument;
  bool no_run = false, no_confirm = false;
};

/// What the results are held against; nothing when there is no such baseline.
struct Base {
  std::string shown;
  std::vector<CellRecord> cells;
};

/// The newest baseline of that name, or NAME@COMMIT, or an experiment of that name.
std::optional<Base> find_base(const CheckArguments& arguments, const std::string& experiment) {
  std::error_code missing;
  if (!std::filesystem::exists(arguments.baseline, missing)) return std::nullopt;
  const Store store = Store::open_read_only(arguments.baseline);
  const std::string wanted = arguments.name.empty() ? experiment : arguments.name;
  std::string found;
  for (const std::string& name : store.experiments()) {
    if (name == wanted) found = name;
  }
  for (const Baseline& baseline : store.baselines()) {
    const bool named = baseline.name == wanted || baseline.stored_as() == wanted;
    if (named) found = baseline.stored_as();
  }
  if (found.empty()) return std::nullopt;
  require_whole(arguments.baseline, found);
  return Base{arguments.baseline + " " + found, store.cell_records(found)};
}

/// Runs the experiment's cells, and again where asked.
class CheckedRun {
 public:
  CheckedRun(const CheckArguments& arguments, const Experiment& experiment,
             const Catalogue& catalogue)
      : experiment_(experiment),
        catalogue_(catalogue),
        resolver_(
            catalogue, [this](const std::string& text) { progress_.step(text); }, handlers_.stop()),
        plan_(checked_plan()),
        store_(Store::open(arguments.database)) {}

  RunSummary run(const RunOptions& options) {
    ProcessLauncher launcher(handlers_.stop(), handlers_.kill());
    RunOptions stoppable = options;
    stoppable.stop = handlers_.stop();
    return run_plan(plan_, catalogue_, store_, launcher, progress_, stoppable);
  }
  [[nodiscard]] std::vector<CellRecord> records() const {
    return store_.cell_records(experiment_.name);
  }
  [[nodiscard]] const Store& store() const { return store_; }
  void say(const std::string& text) { progress_.step(text); }

 private:
  Plan checked_plan() {
    Plan plan = make_plan(experiment_, catalogue_, resolver_);
    check_text_lengths(plan);
    check_training_texts(plan, catalogue_);
    return plan;
  }

  const Experiment& experiment_;
  const Catalogue& catalogue_;
  const StopHandlers handlers_;
  StderrProgress progress_;
  DiskResolver resolver_;
  Plan plan_;
  Store store_;  ///< opened last: a plan that is refused makes no file
};

std::set<std::string> to_confirm(const Comparison& comparison) {
  std::set<std::string> keys;
  for (const ComparedRow& row : comparison.rows) {
    if (wants_second_round(row)) keys.insert(row.cell_key);
  }
  return keys;
}

/// Measures, compares, and lets fresh processes confirm; nothing when it was interrupted.
std::optional<Comparison> run_and_compare(const CheckArguments& arguments, const Base& base,
                                          const Experiment& experiment, const Catalogue& catalogue,
                                          Rules rules) {
  CheckedRun candidate(arguments, experiment, catalogue);
  RunOptions options;
  options.count_instructions = !arguments.instrument.empty();
  if (options.count_instructions) (void)valgrind_program();
  if (candidate.run(options).interrupted) return std::nullopt;
  const std::vector<CellRecord> first = candidate.records();
  use_measured_floor(rules, candidate.store(), first);
  Comparison comparison =
      compare_cells(base.cells, first, rules, {.only_common = arguments.only_common});
  const std::set<std::string> again = to_confirm(comparison);
  if (again.empty() || arguments.no_confirm) return comparison;
  candidate.say(
      fmt::format("{} cells look worse or are undecided; timing them again", again.size()));
  options.again = again;
  if (candidate.run(options).interrupted) return std::nullopt;
  return confirm(comparison, base.cells, first, candidate.records());
}

/// What decides which cells an experiment has, and what its times mean.
constexpr std::array kDeciding = {"seeds", "profiles", "models", "methods", "suites", "measure"};

/// The blocks of the file in which it asks for something else than was run, as "methods, suites".
std::string asked_differently(const Json& file, const Json& stored) {
  std::string blocks;
  for (const char* block : kDeciding) {
    if (file.value(block, Json()) == stored.value(block, Json())) continue;
    blocks += (blocks.empty() ? "" : ", ") + std::string(block);
  }
  return blocks;
}

/// Without a run the stored cells must be those of the file.
void require_stored(const CheckArguments& arguments, const Experiment& experiment,
                    const Store& store) {
  const std::string differ =
      asked_differently(experiment.resolved(), store.experiment_config(experiment.name));
  if (differ.empty()) return;
  throw MachineError(
      fmt::format("{}: holds experiment '{}' as another file asked for it (other {}): run the "
                  "check without --no-run, or give the file that was run",
                  arguments.database, experiment.name, differ));
}

Comparison compare_stored(const CheckArguments& arguments, const Base& base,
                          const Experiment& experiment, Rules rules) {
  const Store store = Store::open_read_only(arguments.database);
  require_stored(arguments, experiment, store);
  require_whole(arguments.database, experiment.name);
  const std::vector<CellRecord> cells = store.cell_records(experiment.name);
  use_measured_floor(rules, store, cells);
  return compare_cells(base.cells, cells, rules, {.only_common = arguments.only_common});
}

void check(const CheckArguments& arguments, CommandResult& result) {
  const Rules rules = rules_of(arguments);
  const Catalogue catalogue = load_catalogue_for(arguments.file);
  const Experiment experiment = read_experiment(arguments.file, catalogue);
  const auto base = find_base(arguments, experiment.name);
  if (!base) {
    print_error(
        fmt::format("assay: {}: no baseline '{}'; save one with: assay baseline save NAME --db "
                    "RESULTS --baselines {}\n",
                    arguments.baseline, arguments.name.empty() ? experiment.name : arguments.name,
                    arguments.baseline));
    result.code = ExitCode::kNotMeasured;
    return;
  }
  auto comparison = arguments.no_run
                        ? compare_stored(arguments, *base, experiment, rules)
                        : run_and_compare(arguments, *base, experiment, catalogue, rules);
  if (!comparison) {
    result.code = ExitCode::kInterrupted;
    return;
  }
  comparison->base = base->shown;
  comparison->candidate = arguments.database + " " + experiment.name;
  note_unconfirmed(*comparison);
  finish_comparison(*comparison, arguments, result);
}

}  // namespace

void add_check_command(CLI::App& program, CommandResult& result) {
  CLI::App* command = add_command(
      program, "check",
      "Run an experiment and hold it against a baseline; what looks slower, or cannot be decided, "
      "is "
      "timed a second time",
      "assay check experiments/quickstart.toml --baseline baselines.db --markdown summary.md\n\n"
      "Exit code: 0 nothing got worse; 1 something did; 2 bad input; 3 something could not be\n"
      "measured, or there is no baseline; 4 something could not be decided; 130 interrupted.");
  const auto arguments = std::make_shared<CheckArguments>();
  command->add_option("file", arguments->file, "Experiment file (TOML)")->required();
  command
      ->add_option("--baseline", arguments->baseline,
                   "Database with the baseline: saved ones, or results of an earlier run")
      ->check(database_place())
      ->required();
  command->add_option("--name", arguments->name,
                      "Baseline, as NAME (the newest) or NAME@COMMIT; default: the experiment's "
                      "name");
  command->add_option("--db", arguments->database, "Results database, made when missing")
      ->check(database_place())
      ->capture_default_str();
  command
      ->add_option("--instrument", arguments->instrument,
                   "callgrind: also count the instructions of suites of kind kernel (slow)")
      ->check(CLI::IsMember({"callgrind"}));
  add_plugin_option(*command);
  command->add_flag("--no-run", arguments->no_run, "Judge what the database holds already");
  command->add_flag("--no-confirm", arguments->no_confirm,
                    "Do not time a second time what looks slower or is undecided");
  add_compare_options(*command, *arguments);
  command->callback([arguments, &result] { check(*arguments, result); });
}

}  // namespace assay
