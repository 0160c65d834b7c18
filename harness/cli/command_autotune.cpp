#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "harness/base/output.h"
#include "harness/base/text.h"
#include "harness/cli/commands.h"
#include "harness/cli/comparing.h"
#include "harness/cli/help.h"
#include "harness/cli/tuning_text.h"
#include "harness/tune/pairing.h"
#include "reports/cells.h"
#include "reports/headlines.h"

namespace assay {
namespace {

struct AutotuneArguments {
  std::string database = "results.db", experiment;
  std::vector<double> budgets;
  std::vector<std::string> over, tried;
  tune::TaskQuery query;
  std::size_t next = 3;
  bool validate = false, json = false;
  tune::ValidationOptions validation;
};

/// Headlines that are a quality, or a speed, in their order.
std::vector<std::string> preferred(bool (*is)(const ResultRow&)) {
  std::vector<std::string> tags;
  for (const Headline& headline : headlines()) {
    ResultRow row;
    row.metric = headline.tag;
    if (is(row)) tags.push_back(headline.tag);
  }
  return tags;
}

/// --try cofi.sparsity=0.65,0.7: more values of an axis to choose from.
std::vector<std::vector<double>> tried_values(const AutotuneArguments& arguments) {
  std::vector<std::vector<double>> values(arguments.query.over.size());
  for (const std::string& text : arguments.tried) {
    const std::size_t equals = text.find('=');
    const std::string name = text.substr(0, equals);
    const auto axis = std::ranges::find(arguments.query.over, name, &tune::Axis::name);
    if (equals == std::string::npos || axis == arguments.query.over.end()) {
      throw UserError(
          fmt::format("--try {}: give PARAMETER=VALUE,VALUE of a parameter of --over", text));
    }
    const auto index = static_cast<std::size_t>(axis - arguments.query.over.begin());
    std::size_t start = equals + 1;
    while (start <= text.size()) {
      const std::size_t end = std::min(text.find(',', start), text.size());
      values[index].push_back(
          tune::finite_number(text.substr(start, end - start), "--try " + text));
      start = end + 1;
    }
  }
  return values;
}

void check(const AutotuneArguments& arguments) {
  for (const double budget : arguments.budgets) {
    if (!(budget >= 0 && budget < 100)) {
      throw UserError(fmt::format("--budget {}: give 0 or more and less than 100", budget));
    }
  }
  if (arguments.validation.draws < 1) throw UserError("--draws: give 1 or more");
}

ExitCode code_of(const Tuning& tuning) {
  const bool all = std::ranges::none_of(tuning.budgets,
                                        [](const TunedBudget& one) { return one.choices.empty(); });
  return all ? ExitCode::kOk : ExitCode::kNotMeasured;
}

void autotune(AutotuneArguments arguments, CommandResult& result) {
  check(arguments);
  for (const std::string& text : arguments.over) {
    const tune::Axis axis = tune::parse_axis(text);
    if (std::ranges::find(arguments.query.over, axis.name, &tune::Axis::name) !=
        arguments.query.over.end()) {
      throw UserError(fmt::format("--over {}: this parameter is there already", text));
    }
    arguments.query.over.push_back(axis);
  }
  const Store store = Store::open_read_only(arguments.database);
  const std::string experiment = only_experiment(store, arguments.experiment, arguments.database);
  tune::Task task = tune::read_task(store.results(experiment), arguments.query,
                                    preferred(is_quality), preferred(is_speed));
  tune::pair_with_reference(task, store.cell_records(experiment));
  const tune::Tuner tuner(task, tried_values(arguments));
  Tuning tuning{task, tuner, {}, {}};
  for (const double budget : arguments.budgets) {
    tuning.budgets.push_back({budget, tuner.choices(budget), tuner.next(budget, arguments.next)});
  }
  if (arguments.validate) {
    arguments.validation.budgets = arguments.budgets;
    tuning.trials = tune::validate(task, arguments.validation);
  }
  result.code = code_of(tuning);
  if (arguments.json) {
    print_json(tuning_json(tuning));
  } else {
    print_out(tuning_text(tuning));
  }
}

void add_task_options(CLI::App& command, AutotuneArguments& arguments) {
  command
      .add_option("--over", arguments.over,
                  "METHOD.PARAMETER to tune, and behind a colon its value where the method is not "
                  "there; several times")
      ->required()
      ->allow_extra_args(false);
  command.add_option("--quality", arguments.query.quality,
                     "METRIC or SUITE/METRIC that the budget is about");
  command.add_option("--cost", arguments.query.cost, "METRIC or SUITE/METRIC to be better at");
  command.add_option("--reference", arguments.query.reference,
                     "Method whose quality the budget is counted from");
  command
      .add_option("--where", arguments.query.where,
                  "Only settings with METHOD.PARAMETER=VALUE, of those that have it")
      ->allow_extra_args(false);
  command.add_option("--model", arguments.query.model, "Needed where there are several");
  command.add_option("--profile", arguments.query.profile, "Needed where there are several");
  command.add_option("--experiment", arguments.experiment, "Needed where there are several");
}

}  // namespace

void add_autotune_command(CLI::App& program, CommandResult& result) {
  CLI::App* command = add_command(
      program, "autotune",
      "Predict which setting of some parameters meets a budget of quality at the lowest cost",
      "assay autotune prumux.db --budget 5 --over mux.instances:1 --over cofi.sparsity:0\n"
      "  assay autotune results.db --budget 3 --over contextual.density:1 --over "
      "quantize.bits:16\n\n"
      "Exit code: 0 every budget has a setting; 2 bad input; 3 some have none.");
  const auto arguments = std::make_shared<AutotuneArguments>();
  command->add_option("--db,database", arguments->database, "Results database")
      ->check(database_place())
      ->capture_default_str();
  command
      ->add_option("--budget", arguments->budgets,
                   "What quality may cost: points of a share (accuracy), percent of anything else; "
                   "several times")
      ->required()
      ->allow_extra_args(false);
  add_task_options(*command, *arguments);
  command
      ->add_option("--try", arguments->tried,
                   "PARAMETER=VALUE,VALUE: values to choose from beside the measured ones")
      ->allow_extra_args(false);
  command->add_option("--next", arguments->next, "How many settings to propose for measuring")
      ->check(number_within(0, 1000))
      ->capture_default_str();
  command->add_flag("--validate", arguments->validate,
                    "Also tell the measured settings from 5, 8 and 12 of them");
  command->add_option("--draws", arguments->validation.draws, "Of --validate")
      ->check(number_within(1, 100'000))
      ->capture_default_str();
  command->add_option("--seed", arguments->validation.seed, "Of --validate")
      ->check(whole_number())
      ->capture_default_str();
  command->add_flag("--json", arguments->json, "As JSON");
  command->callback([arguments, &result] { autotune(*arguments, result); });
}

}  // namespace assay
