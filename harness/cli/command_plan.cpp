#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "harness/base/output.h"
#include "harness/base/text.h"
#include "harness/cli/asked_experiment.h"
#include "harness/cli/commands.h"
#include "harness/cli/help.h"
#include "harness/cli/measured_demand.h"
#include "harness/cli/needed_models.h"
#include "harness/cli/plugins.h"
#include "harness/measure/machine_identity.h"
#include "harness/runner/disk_resolver.h"
#include "harness/runner/explain.h"
#include "harness/runner/process_launcher.h"
#include "harness/runner/progress.h"
#include "harness/runner/requests.h"
#include "harness/runner/stop.h"
#include "harness/runner/text_lengths.h"
#include "harness/runner/training_check.h"

namespace assay {
namespace {

struct PlanArguments {
  ExperimentArguments experiment;
  std::string database = "results.db";
  bool json = false, resolved = false, estimate = false;
};

std::optional<Store> read_if_there(const std::string& database) {
  std::error_code missing;
  if (!std::filesystem::exists(database, missing)) return std::nullopt;
  Store store = Store::open_read_only(database);
  const MachineIdentity machine = machine_identity();
  store.use_machine(machine.id, machine.description);
  return store;
}

Json cell_json(const Plan& plan, const Catalogue& catalogue, const Cell& cell,
               const CellExplanation& explanation) {
  Json stages = Json::array();
  for (const StageState& stage : explanation.stages) {
    stages.push_back({{"name", stage.name}, {"key", stage.key}, {"cached", stage.cached}});
  }
  return {{"ordinal", cell.ordinal},
          {"key", cell.key},
          {"key_document", cell.key_doc},
          {"label", cell_label(plan, catalogue, cell)},
          {"model", plan.model_of(cell).choice.id},
          {"method", plan.method_of(cell).id},
          {"params", plan.method_of(cell).all_params()},
          {"suite", plan.suite_of(cell).id},
          {"suite_params", plan.suite_of(cell).params},
          {"profile", cell.profile},
          {"seed", cell.seed},
          {"action", explanation.action},
          {"status", explanation.status},
          {"artefact", explanation.artefact},
          {"stages", std::move(stages)},
          {"why", explanation.why}};
}

std::string cell_line(const Cell& cell, const std::string& label,
                      const CellExplanation& explanation, std::size_t width) {
  const std::string action =
      explanation.action == "stored" ? "stored " + explanation.status : explanation.action;
  const std::string artefact =
      explanation.artefact.empty() ? "" : fmt::format(" (artefact {})", explanation.artefact);
  return fmt::format("{}  {:<{}}  {:<10}  {}{}\n", short_key(cell), label, width, action,
                     explanation.why, artefact);
}

void print_cells(const Plan& plan, const Catalogue& catalogue, const Store* store) {
  std::map<std::string, int> actions;
  std::size_t width = 0;
  for (const Cell& cell : plan.cells) {
    width = std::max(width, cell_label(plan, catalogue, cell).size());
  }
  for (const Cell& cell : plan.cells) {
    const CellExplanation explanation = explain_cell(plan, store, cell);
    ++actions[explanation.action];
    print_out(cell_line(cell, cell_label(plan, catalogue, cell), explanation, width));
  }
  print_out(fmt::format("{} cells: {} stored, {} to run, {} unmet\n", plan.cells.size(),
                        actions["stored"], actions["run"], actions["unmet"]));
}

Json plan_json(const Plan& plan, const Catalogue& catalogue, const Store* stored,
               const std::vector<MeasuredDemand>& demands) {
  Json cells = Json::array();
  for (const Cell& cell : plan.cells) {
    cells.push_back(cell_json(plan, catalogue, cell, explain_cell(plan, stored, cell)));
  }
  Json document = {{"experiment", plan.experiment.name},
                   {"cells", std::move(cells)},
                   {"needed_models", Json::array()}};
  for (const MeasuredDemand& one : demands) {
    document["estimates"].push_back(demand_json(one.demand, one.speed));
  }
  return document;
}

/// A cell's key is made of its model's files, so without them there is no plan to show.
void print_needed(const Experiment& experiment, const std::vector<NeededModel>& models, bool json) {
  if (json) {
    print_json({{"experiment", experiment.name},
                {"cells", Json::array()},
                {"needed_models", needed_models_json(models)}});
  } else {
    print_out(needed_models_text(models, print_options({}).width));
  }
}

void print_plan(const PlanArguments& arguments, CommandResult& result) {
  const Catalogue catalogue = load_catalogue_for(arguments.experiment.file);
  const Experiment experiment = asked_experiment(arguments.experiment, catalogue);
  if (arguments.resolved) {
    save_experiment(arguments.experiment, catalogue);
    print_json(experiment.resolved());
    return;
  }
  const StopHandlers handlers;
  StderrProgress progress;
  const std::vector<NeededModel> needed = needed_models(experiment, catalogue, handlers.stop());
  if (!needed.empty()) {
    save_experiment(arguments.experiment, catalogue);
    result.code = ExitCode::kNotMeasured;
    return print_needed(experiment, needed, arguments.json);
  }
  DiskResolver resolver(
      catalogue, [&](const std::string& text) { progress.step(text); }, handlers.stop());
  const Plan plan = make_plan(experiment, catalogue, resolver);
  check_text_lengths(plan);
  check_training_texts(plan, catalogue);
  save_experiment(arguments.experiment, catalogue);
  const std::optional<Store> store = read_if_there(arguments.database);
  const Store* stored = store ? &*store : nullptr;
  std::vector<MeasuredDemand> demands;
  if (arguments.estimate) {
    ProcessLauncher launcher(handlers.stop(), handlers.kill());
    demands = measure_demands(plan, catalogue, stored, launcher);
  }
  if (arguments.json) return print_json(plan_json(plan, catalogue, stored, demands));
  print_cells(plan, catalogue, stored);
  for (const MeasuredDemand& one : demands) print_out(demand_text(one.demand, one.speed));
}

}  // namespace

void add_plan_command(CLI::App& program, CommandResult& result) {
  CLI::App* command = add_command(program, "plan",
                                  "Say for each cell of an experiment what a run would do, and why",
                                  "assay plan experiments/quickstart.toml\n"
                                  "  assay plan experiments/quickstart.toml --resolved\n"
                                  "  assay plan --model smollm2-135m --method "
                                  "wanda:sparsity=[0.5,0.6] --suite news-ppl --save mine.toml\n\n"
                                  "Nothing is downloaded: of models that are not here it says how "
                                  "large they are\nand the command that gets them.\n\n"
                                  "Exit code: 0 planned; 2 bad input; 3 models are not here.");
  const auto arguments = std::make_shared<PlanArguments>();
  add_experiment_options(*command, arguments->experiment);
  command->add_option("--db", arguments->database, "Results database that a run would use")
      ->check(database_place())
      ->capture_default_str();
  command->add_flag("--json", arguments->json, "As JSON, with keys and key documents");
  command->add_flag("--resolved", arguments->resolved,
                    "Print the experiment with every default written out instead");
  command->add_flag("--estimate", arguments->estimate,
                    "Also say how much memory and time it takes at least; measures the machine for "
                    "some seconds");
  command->callback([arguments, &result] { print_plan(*arguments, result); });
}

}  // namespace assay
