#include "harness/cli/comparing.h"

#include <fmt/format.h>

#include <cmath>
#include <map>
#include <set>

#include "harness/base/files.h"
#include "harness/base/text.h"
#include "harness/cli/help.h"
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

std::string text_of(const Json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

using Settings = std::map<std::string, std::string>;

Settings settings_of(const std::string& text, const std::string& selector) {
  Settings settings;
  std::size_t start = 0;
  while (start < text.size()) {
    const std::size_t end = std::min(text.find(',', start), text.size());
    const std::string part = text.substr(start, end - start);
    const std::size_t equals = part.find('=');
    if (equals == std::string::npos || equals == 0) {
      throw UserError(fmt::format("'{}': '{}' is not NAME=VALUE", selector, part));
    }
    settings[part.substr(0, equals)] = part.substr(equals + 1);
    start = end + 1;
  }
  return settings;
}

bool fits(const Json& params, const Settings& settings) {
  for (const auto& [name, value] : settings) {
    if (!params.contains(name) || text_of(params.at(name)) != value) return false;
  }
  return true;
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
  command.add_flag("--only-common", arguments.only_common, "Leave out cells that one side lacks");
  command.add_flag("--allow-ambiguous", arguments.allow_ambiguous,
                   "Exit with 0 instead of 4 when something could not be decided");
  command.add_flag("--json", arguments.json, "Print JSON instead of a table");
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

void finish_comparison(const Comparison& comparison, const CompareArguments& arguments,
                       CommandResult& result) {
  result.code = exit_code_of(comparison, arguments.allow_ambiguous);
  if (arguments.json) {
    print_json(comparison_json(comparison, result.code));
  } else {
    fmt::print("{}", comparison_text(comparison));
  }
  if (!arguments.markdown.empty()) {
    write_file_atomically(arguments.markdown, comparison_markdown(comparison, result.code));
  }
  if (!arguments.junit.empty()) {
    write_file_atomically(arguments.junit, comparison_junit(comparison, arguments.allow_ambiguous));
  }
}

std::vector<CellRecord> cells_of_method(const std::vector<CellRecord>& cells,
                                        const std::string& selector) {
  const std::size_t colon = selector.find(':');
  const std::string name = selector.substr(0, colon);
  const Settings settings =
      settings_of(colon == std::string::npos ? "" : selector.substr(colon + 1), selector);
  std::vector<CellRecord> found;
  std::set<std::string> methods, params;
  for (const CellRecord& cell : cells) {
    methods.insert(cell.method);
    if (cell.method != name || !fits(Json::parse(cell.params), settings)) continue;
    params.insert(cell.params);
    found.push_back(cell);
  }
  if (!methods.contains(name)) {
    throw UserError(unknown_name_message("method", name, {methods.begin(), methods.end()}));
  }
  if (params.size() != 1) {
    throw UserError(fmt::format(
        "'{}': {} settings of the method fit; name one, as in {}:NAME=VALUE; there are: {}",
        selector, params.size(), name, join({params.begin(), params.end()}, " ")));
  }
  return found;
}

}  // namespace assay
