#include "harness/cli/comparing.h"

#include <fmt/format.h>

#include <cmath>
#include <set>

#include "harness/base/output.h"
#include "harness/base/text.h"
#include "harness/cli/help.h"
#include "harness/cli/report_file.h"
#include "harness/cli/selector.h"
#include "harness/judge/render.h"

namespace assay {
namespace {

/// A share from percent or points.
double share(const char* option, double value) {
  if (!std::isfinite(value) || value < 0) {
    throw UserError(fmt::format("{}: {} is not a number >= 0", option, value));
  }
  return value / 100;
}

double level(const char* option, double value) {
  if (!(value > 0 && value < 1)) {
    throw UserError(fmt::format("{}: {} is not between 0 and 1", option, value));
  }
  return value;
}

std::vector<Waiver> waivers_of(const CompareArguments& arguments) {
  std::vector<Waiver> waivers;
  for (const std::string& text : arguments.waive) {
    // A name may hold "=" in its parameters, a reason need not.
    const std::size_t equals = text.rfind('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == text.size()) {
      throw UserError(fmt::format("--waive '{}': write ROWS=REASON, with a reason", text));
    }
    waivers.push_back({text.substr(0, equals), text.substr(equals + 1)});
  }
  return waivers;
}

}  // namespace

void add_compare_options(CLI::App& command, CompareArguments& arguments) {
  const auto number = [&](const char* name, double& value, const char* help) {
    command.add_option(name, value, help)->capture_default_str();
  };
  number("--threshold", arguments.threshold, "Percent of time that a method may lose");
  number("--points", arguments.points, "Points of accuracy (percent of items) that it may lose");
  number("--quality", arguments.quality, "Percent that perplexity and other scores may lose");
  number("--size", arguments.size, "Percent that bytes and counts may grow");
  number("--alpha", arguments.alpha, "Level of the tests on process medians, one-sided");
  number("--alpha-items", arguments.alpha_items, "Level of the tests on items, two-sided");
  command.add_option("--floor", arguments.floor,
                     "Noise floor of the machine in percent; default: what doctor kept, else a "
                     "shared machine's 3.5");
  command.add_option("--metrics", arguments.metrics,
                     "Metrics to judge, with * and ?; default: all that have a better direction, "
                     "but for fit/* and process/*");
  command.add_option("--waive", arguments.waive,
                     "ROWS=REASON: verdicts of these rows decide no exit code; ROWS is "
                     "SUITE/METHOD/METRIC with * and ?, as in 'decode/wanda*/decode/*=known'");
  command.add_flag("--absolute", arguments.absolute,
                   "Compare times of different sessions themselves; default: relative to the dense "
                   "twins of each session, where both sides have them");
  command.add_flag("--only-common", arguments.only_common, "Leave out cells that one side lacks");
  command.add_flag("--allow-ambiguous", arguments.allow_ambiguous,
                   "Exit with 0 instead of 4 when something could not be decided");
  command.add_flag("--json", arguments.json, "As JSON");
  add_colour_option(command, arguments.print);
  command.add_option("--markdown", arguments.markdown, "Also write a summary in Markdown");
  command.add_option("--junit", arguments.junit, "Also write JUnit XML");
}

Rules rules_of(const CompareArguments& arguments) {
  Rules rules;
  rules.time_threshold = share("--threshold", arguments.threshold);
  rules.points_threshold = share("--points", arguments.points);
  rules.quality_threshold = share("--quality", arguments.quality);
  rules.size_threshold = share("--size", arguments.size);
  rules.alpha = level("--alpha", arguments.alpha);
  rules.alpha_items = level("--alpha-items", arguments.alpha_items);
  if (arguments.floor != -1) rules.noise_floor = share("--floor", arguments.floor);
  rules.metrics = arguments.metrics;
  rules.relative_to_twins = !arguments.absolute;
  return rules;
}

void use_measured_floor(Rules& rules, const Store& store, const std::vector<CellRecord>& cells) {
  if (rules.noise_floor) return;
  std::set<std::string> profiles;
  for (const CellRecord& cell : cells) profiles.insert(cell.profile);
  for (const std::string& profile : profiles) {
    const std::vector<Json> checks = store.machine_checks(profile);
    if (checks.empty()) continue;
    for (const Json& comparison : checks.front().value("against_itself", Json::array())) {
      const double floor = comparison.value("noise_floor", 0.0);
      if (floor > rules.noise_floor.value_or(0.0)) rules.noise_floor = floor;
    }
  }
}

void note_unconfirmed(Comparison& comparison) {
  for (ComparedRow& row : comparison.rows) {
    if (wants_confirmation(row)) {
      because(row.judgement, "not_confirmed", "judged from what is stored, no fresh processes");
    }
  }
}

void finish_comparison(Comparison& comparison, const CompareArguments& arguments,
                       CommandResult& result) {
  require_different_files(arguments.markdown, arguments.junit);
  waive(comparison, waivers_of(arguments));
  result.code = exit_code_of(comparison, arguments.allow_ambiguous);
  if (arguments.json) {
    print_json(comparison_json(comparison, result.code));
  } else {
    print_coloured(comparison_text(comparison, print_options(arguments.print).colour));
  }
  if (!arguments.markdown.empty()) {
    write_report_file(arguments.markdown, comparison_markdown(comparison, result.code));
  }
  if (!arguments.junit.empty()) {
    write_report_file(arguments.junit, comparison_junit(comparison, arguments.allow_ambiguous));
  }
}

std::string only_experiment(const Store& store, const std::string& asked,
                            const std::string& database) {
  if (!asked.empty()) return asked;
  const std::vector<std::string> names = store.experiments();
  if (names.size() == 1) return names.front();
  throw UserError(fmt::format("{}: holds {} experiments; choose one with --experiment: {}",
                              database, names.size(), join(names, ", ")));
}

std::vector<CellRecord> cells_of_method(const std::vector<CellRecord>& cells,
                                        const std::string& selector) {
  const Selector wanted = parse_selector(selector);
  const std::string& name = wanted.name;
  std::vector<CellRecord> found;
  std::set<std::string> methods, known, params;
  for (const CellRecord& cell : cells) {
    methods.insert(cell.method);
    if (cell.method != name) continue;
    known.insert(cell.params);
    if (!wanted.fits(parse_json(cell.params))) continue;
    params.insert(cell.params);
    found.push_back(cell);
  }
  if (!methods.contains(name)) {
    throw UserError(unknown_name_message("method", name, {methods.begin(), methods.end()}));
  }
  if (params.empty()) {
    throw UserError(fmt::format("'{}': no setting of the method fits; there are: {}", selector,
                                join(selectors_of(wanted, known), " ")));
  }
  if (params.size() > 1) {
    throw UserError(fmt::format("'{}': {} settings of the method fit; name one of: {}", selector,
                                params.size(), join(selectors_of(wanted, params), " ")));
  }
  return found;
}

}  // namespace assay
