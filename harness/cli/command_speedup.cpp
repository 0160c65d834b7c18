#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "harness/base/display.h"
#include "harness/base/output.h"
#include "harness/base/text.h"
#include "harness/cli/commands.h"
#include "harness/cli/comparing.h"
#include "harness/cli/help.h"
#include "harness/judge/predicted.h"
#include "reports/labels.h"

namespace assay {
namespace {

struct SpeedupArguments {
  std::string database = "results.db", experiment;
  bool json = false;
};

using Line = std::vector<std::string>;
const Line kTitles = {"model",   "suite",    "method",   "metric",  "measured",
                      "by work", "by bytes", "roofline", "reached", "fit"};

/// As much of a result row as names are made from.
ResultRow named(const SpeedUp& row) {
  ResultRow result;
  result.model = row.model;
  result.method = row.method;
  result.params = row.params;
  result.suite = row.suite;
  result.suite_params = row.suite_params;
  result.seed = row.seed;
  return result;
}

std::string measured_text(const SpeedUp& row) {
  if (!row.measured) return "-";
  std::string text = fmt::format("{:.2f}x", *row.measured);
  if (row.interval) text += fmt::format(" [{:.2f}, {:.2f}]", row.interval->lo, row.interval->hi);
  return text;
}

std::string predicted_text(const Prediction& prediction) {
  return prediction.value ? fmt::format("{:.2f}x", *prediction.value) : "-";
}

std::string roofline_text(const SpeedUp& row) {
  const std::string text = predicted_text(row.by_roofline);
  return row.bound.empty() ? text : text + " " + row.bound;
}

std::string reached_text(const SpeedUp& row) {
  if (!row.reached) return "-";
  return fmt::format("{:.0f} % (dense {:.0f} %)", 100 * *row.reached,
                     100 * row.dense_reached.value_or(0));
}

std::string fit_text(const FitCost& fit) {
  std::vector<std::string> parts;
  if (fit.seconds) parts.push_back(human_seconds(*fit.seconds));
  if (fit.peak_rss_bytes) {
    parts.push_back(human_bytes(static_cast<std::int64_t>(*fit.peak_rss_bytes)));
  }
  if (fit.calibration_tokens)
    parts.push_back(fmt::format("{:.0f} tokens", *fit.calibration_tokens));
  return parts.empty() ? "-" : join(parts, ", ");
}

Line line_of(const SpeedUp& row, const Labels& labels) {
  const ResultRow names = named(row);
  return {row.model,
          labels.suite(names),
          labels.method(names),
          row.metric.empty() ? "-" : row.metric,
          measured_text(row),
          predicted_text(row.by_flops),
          predicted_text(row.by_bytes),
          roofline_text(row),
          reached_text(row),
          fit_text(row.fit)};
}

/// Each reason once, with what it takes the place of.
void print_reasons(const std::vector<SpeedUp>& rows) {
  std::vector<std::string> said;
  const auto say = [&](const char* what, const std::string& reason) {
    const std::string line = fmt::format("  {}: {}", what, reason);
    if (!reason.empty() && std::find(said.begin(), said.end(), line) == said.end()) {
      said.push_back(line);
    }
  };
  for (const SpeedUp& row : rows) {
    say("measured", row.reason);
    if (!row.reason.empty()) continue;  // then nothing is predicted either
    say("by work", row.by_flops.reason);
    say("by bytes", row.by_bytes.reason);
    say("roofline", row.by_roofline.reason);
  }
  if (said.empty()) return;
  print_out(fmt::format("\nWhere there is no number:\n{}\n", join(said, "\n")));
}

/// 3 when some row has no measured speed-up, or there is none at all.
ExitCode code_of(const std::vector<SpeedUp>& rows) {
  const bool all = !rows.empty() && std::all_of(rows.begin(), rows.end(), [](const SpeedUp& row) {
    return row.measured.has_value();
  });
  return all ? ExitCode::kOk : ExitCode::kNotMeasured;
}

void print_speed_ups(const SpeedupArguments& arguments, CommandResult& result) {
  const Store store = Store::open_read_only(arguments.database);
  const std::string experiment = only_experiment(store, arguments.experiment, arguments.database);
  const std::vector<SpeedUp> rows = speed_ups(store, experiment);
  result.code = code_of(rows);
  if (arguments.json) {
    Json documents = Json::array();
    for (const SpeedUp& row : rows) documents.push_back(to_json(row));
    print_json({{"version", 1}, {"experiment", experiment}, {"speed_ups", documents}});
    return;
  }
  if (rows.empty()) {
    print_out(fmt::format("{}: no compressed cell was timed\n", experiment));
    return;
  }
  std::vector<ResultRow> names;
  for (const SpeedUp& row : rows) names.push_back(named(row));
  const Labels labels(names);
  std::vector<Line> lines{kTitles};
  for (const SpeedUp& row : rows) lines.push_back(line_of(row, labels));
  print_out(columns(lines));
  print_reasons(rows);
  print_out(
      "\nSpeed-up over the dense twin of the same session, above 1: faster, 95 % interval. By work "
      "and by bytes:\nof weights, executed and read. Roofline: the larger of work / GEMM speed and "
      "bytes / bandwidth. Reached:\nthe roofline's time as a part of the measured one.\n");
}

}  // namespace

void add_speedup_command(CLI::App& program, CommandResult& result) {
  CLI::App* command = add_command(
      program, "speedup",
      "Measured speed-ups beside those that work, bytes and the machine predict, and what "
      "compressing cost",
      "assay speedup --db results.db\n"
      "  assay doctor --profile cpu --db results.db    # the machine's figures for the roofline\n\n"
      "Exit code: 0 every timed cell has a speed-up; 2 bad input; 3 some have none.");
  const auto arguments = std::make_shared<SpeedupArguments>();
  command->add_option("--db", arguments->database, "Results database")
      ->check(database_place())
      ->capture_default_str();
  command->add_option("--experiment", arguments->experiment, "Needed where there are several");
  command->add_flag("--json", arguments->json, "As JSON");
  command->callback([arguments, &result] { print_speed_ups(*arguments, result); });
}

}  // namespace assay
