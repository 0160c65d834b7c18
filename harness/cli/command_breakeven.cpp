#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <vector>

#include "harness/base/display.h"
#include "harness/base/output.h"
#include "harness/base/text.h"
#include "harness/cli/breakeven_plan.h"
#include "harness/cli/commands.h"
#include "harness/cli/help.h"
#include "harness/cli/plugins.h"
#include "harness/judge/breakeven.h"
#include "harness/runner/disk_resolver.h"
#include "harness/runner/process_launcher.h"
#include "harness/runner/runner.h"
#include "harness/runner/stop.h"
#include "harness/runner/text_lengths.h"

namespace assay {
namespace {

struct BreakEvenArguments {
  std::string file, database = "results.db";
  BreakEvenChoice choice;
  bool json = false;
};

/// Runs points through the ordinary path, so that stored cells are not measured again.
class Points {
 public:
  Points(const BreakEvenPlan& plan, const Catalogue& catalogue, const std::string& database)
      : plan_(plan),
        catalogue_(catalogue),
        store_(Store::open(database)),
        resolver_(
            catalogue, [this](const std::string& text) { progress_.step(text); }, handlers_.stop()),
        launcher_(handlers_.stop(), handlers_.kill()) {}

  /// Bad input of any first point is found before the first one is measured.
  void check(const std::vector<double>& values) {
    for (const double value : values) check_text_lengths(planned({value}));
  }

  SpeedUp measure(double value) {
    progress_.step(fmt::format("{} = {:g}", plan_.over, value));
    run({value});
    for (const SpeedUp& row : speed_ups(store_, plan_.base.name)) {
      if (row.metric == plan_.metric || row.metric.empty()) return row;
    }
    return failed();
  }

  /// All points as one stored experiment, for reports; runs nothing.
  void keep(const BreakEven& found) {
    std::vector<double> values;
    for (const AxisPoint& point : found.points) values.push_back(point.value);
    run(values);
  }

 private:
  Plan planned(const std::vector<double>& values) {
    return make_plan(plan_.at(values), catalogue_, resolver_);
  }

  void run(const std::vector<double>& values) {
    const Plan plan = planned(values);
    if (run_plan(plan, catalogue_, store_, launcher_, progress_, {.stop = handlers_.stop()})
            .interrupted) {
      throw Interrupted();
    }
  }

  /// Nothing was timed on either side: the status of the compressed cell, else of dense.
  [[nodiscard]] SpeedUp failed() const {
    SpeedUp row;
    for (const CellRecord& cell : store_.cell_records(plan_.base.name)) {
      if (cell.status == "OK") continue;
      row.cell_key = cell.cell_key;
      row.reason = fmt::format("{} {}{}{}", cell.method, cell.status,
                               cell.reason.empty() ? "" : ": ", cell.reason);
    }
    return row;
  }

  const BreakEvenPlan& plan_;
  const Catalogue& catalogue_;
  const StopHandlers handlers_;
  StderrProgress progress_;
  Store store_;
  DiskResolver resolver_;
  ProcessLauncher launcher_;
};

constexpr std::size_t kColumns = 6;
using PointLine = std::array<std::string, kColumns>;

PointLine line_of(const AxisPoint& point) {
  const SpeedUp& row = point.measured;
  const auto seconds = [](const std::optional<double>& value) {
    return value ? human_seconds(*value) : std::string("-");
  };
  std::string speed_up = row.measured ? fmt::format("{:.3f}x", *row.measured) : "-";
  if (row.interval) {
    speed_up += fmt::format(" [{:.3f}, {:.3f}]", row.interval->lo, row.interval->hi);
  }
  std::string says = side_name(point.side);
  if (!row.reason.empty()) says += " (" + row.reason + ")";
  return {fmt::format("{:g}", point.value),
          speed_up,
          row.by_roofline.value ? fmt::format("{:.2f}x", *row.by_roofline.value) : "-",
          seconds(row.dense),
          seconds(row.compressed),
          says};
}

std::string heading(const BreakEvenPlan& plan, const std::string& model) {
  const MethodChoice& method = plan.base.methods.back();
  return fmt::format("{} against dense: {} of {} on {}, profile {}, {}{} processes an arm",
                     method.id, plan.metric, plan.base.suites.front().id, model,
                     plan.base.profiles.front(), plan.base.sampling.adapts() ? "at least " : "",
                     plan.base.processes_per_arm);
}

void print_text(const BreakEvenPlan& plan, const BreakEven& found) {
  std::vector<PointLine> lines{
      {plan.over, "speed-up [95 %]", "roofline", "dense", "method", "says"}};
  for (const AxisPoint& point : found.points) lines.push_back(line_of(point));
  std::array<std::size_t, kColumns> widths{};
  for (const PointLine& line : lines) {
    for (std::size_t i = 0; i < kColumns; ++i) {
      widths[i] = std::max(widths[i], display_width(line[i]));
    }
  }
  print_out(fmt::format("{}\n\n", heading(plan, plan.base.models.front().id)));
  for (const PointLine& line : lines) {
    std::string text;
    for (std::size_t i = 0; i + 1 < kColumns; ++i) text += pad_left(line[i], widths[i]) + "  ";
    print_out(fmt::format("{}{}\n", text, line.back()));
  }
  print_out(fmt::format("\n{}\n", break_even_text(found, plan.over)));
}

Json point_json(const AxisPoint& point) {
  Json document = to_json(point.measured);
  document["value"] = point.value;
  document["side"] = side_name(point.side);
  return document;
}

Json document_of(const BreakEvenPlan& plan, const BreakEven& found, ExitCode code) {
  const MethodChoice& method = plan.base.methods.back();
  const SuiteChoice& suite = plan.base.suites.front();
  Json points = Json::array(), crossings = Json::array();
  for (const AxisPoint& point : found.points) points.push_back(point_json(point));
  for (const Crossing& crossing : found.crossings) {
    crossings.push_back({{"from", crossing.from},
                         {"to", crossing.to},
                         {"before", side_name(crossing.before)},
                         {"undecided", crossing.undecided}});
  }
  return {{"version", 1},
          {"experiment", plan.base.name},
          {"model", plan.base.models.front().id},
          {"method", method.id},
          {"params", method.params},
          {"suite", suite.id},
          {"suite_params", suite.params},
          {"profile", plan.base.profiles.front()},
          {"metric", plan.metric},
          {"over", plan.over},
          {"of", plan.of_method ? "method" : "suite"},
          {"from", plan.axis.from},
          {"to", plan.axis.to},
          {"processes_per_arm", plan.base.processes_per_arm},
          {"answer", answer_name(found.answer)},
          {"text", break_even_text(found, plan.over)},
          {"out_of_budget", found.out_of_budget},
          {"exit_code", static_cast<int>(code)},
          {"crossings", crossings},
          {"points", points}};
}

void run_break_even(const BreakEvenArguments& arguments, CommandResult& result) {
  const Catalogue catalogue = load_catalogue_for(arguments.file);
  const Experiment experiment = read_experiment(arguments.file, catalogue);
  const BreakEvenPlan plan = plan_break_even(experiment, catalogue, arguments.choice);
  Points points(plan, catalogue, arguments.database);
  points.check(plan.axis.grid);
  const BreakEven found =
      search_break_even(plan.axis, [&](double value) { return points.measure(value); });
  points.keep(found);
  result.code = exit_code_of(found);
  if (arguments.json) {
    print_json(document_of(plan, found, result.code));
  } else {
    print_text(plan, found);
  }
}

void add_options(CLI::App& command, BreakEvenChoice& choice) {
  constexpr double kMostValue = 1e15;
  command
      .add_option("--over", choice.over,
                  "Axis: a numeric parameter of the suite (batch, prompt_tokens) or of the method "
                  "(sparsity)")
      ->required();
  command.add_option("--from", choice.from, "Lowest value")
      ->required()
      ->check(number_within(-kMostValue, kMostValue));
  command.add_option("--to", choice.to, "Highest value")
      ->required()
      ->check(number_within(-kMostValue, kMostValue));
  command.add_option("--at", choice.at,
                     "First values; default: powers of two, or five values of a real axis");
  command.add_option("--tolerance", choice.tolerance,
                     "Real axes: width of a bracket that is narrow enough; default: a 64th of the "
                     "range");
  command.add_option("--most-points", choice.most_points, "Measure no more points than this")
      ->check(CLI::Range(std::size_t{1}, std::size_t{1000}))
      ->capture_default_str();
  command
      .add_option("--processes", choice.processes,
                  "Processes an arm and point; default: the experiment's processes_per_arm")
      ->check(CLI::Range(2, 1000));
  command.add_option("--method", choice.method, "NAME or NAME:PARAMETER=VALUE, where several fit");
  command.add_option("--suite", choice.suite, "Timed suite, likewise");
  command.add_option("--model", choice.model, "Model, where there are several");
  command.add_option("--profile", choice.profile, "Profile, where there are several");
  command.add_option("--metric", choice.metric,
                     "Time to compare; default: the suite's first, such as decode/token_latency");
}

}  // namespace

void add_breakeven_command(CLI::App& program, CommandResult& result) {
  CLI::App* command = add_command(
      program, "breakeven",
      "Search along an axis for where a method starts or stops being faster than dense",
      "assay breakeven experiments/quickstart.toml --method ffsplit --over batch --from 1 --to 32 "
      "--processes 8\n\n"
      "Every point is an ordinary pair of cells in the database: a repeated call runs nothing.\n"
      "Exit code: 0 answered; 2 bad input; 3 a point could not be measured; 4 the noise leaves it\n"
      "open; 130 interrupted (run it again to go on).");
  const auto arguments = std::make_shared<BreakEvenArguments>();
  command->add_option("file", arguments->file, "Experiment file (TOML) with dense and the method")
      ->required();
  add_options(*command, arguments->choice);
  command->add_option("--db", arguments->database, "Results database, made when missing")
      ->check(database_place())
      ->capture_default_str();
  add_plugin_option(*command);
  command->add_flag("--json", arguments->json, "As JSON");
  command->callback([arguments, &result] { run_break_even(*arguments, result); });
}

}  // namespace assay
