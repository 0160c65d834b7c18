#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "harness/base/errors.h"
#include "harness/base/files.h"
#include "harness/base/output.h"
#include "harness/base/text.h"
#include "harness/cli/commands.h"
#include "harness/cli/help.h"
#include "harness/cli/listing.h"
#include "harness/cli/method_check.h"
#include "harness/cli/plugins.h"
#include "harness/runner/plugins.h"
#include "harness/runner/progress.h"
#include "harness/runner/stop.h"

namespace assay {
namespace {

struct MethodTestArguments {
  std::vector<std::string> names;
  std::string cases;
  CheckLimits limits;
  bool all = false, json = false;
};

/// What is named; all that there is; or what the plug-ins bring.
std::vector<const MethodEntry*> asked_methods(const MethodTestArguments& arguments,
                                              const Catalogue& catalogue) {
  std::vector<const MethodEntry*> methods;
  for (const std::string& name : arguments.names) methods.push_back(&catalogue.method(name));
  if (!methods.empty()) return methods;
  for (const MethodEntry& method : catalogue.methods) {
    const bool asked = arguments.all || !method.plugin.file.empty();
    if (asked) methods.push_back(&method);
  }
  if (methods.empty()) {
    throw UserError(
        used_plugins().empty()
            ? "no method is named: give names of `assay list methods`, --all, or --plugin FILE"
            : "the plug-ins have no method; name one of `assay list methods`");
  }
  return methods;
}

/// Of a built-in method; "" for one of a plug-in, which carries its own.
std::filesystem::path cases_of(const MethodTestArguments& arguments, const MethodEntry& method) {
  if (!arguments.cases.empty()) return std::filesystem::absolute(arguments.cases);
  if (!method.plugin.file.empty()) return {};
  return std::filesystem::absolute(share_folder()) / "methods" / method.name / "conformance.json";
}

std::vector<std::string> findings_of(const MethodReport& report) {
  std::vector<std::string> findings;
  for (const CheckRow& row : report.checks) {
    for (const std::string& problem : row.problems) {
      findings.push_back(fmt::format("{}: {}", row.name, problem));
    }
  }
  for (const std::string& text : report.other) findings.push_back("run: " + text);
  return findings;
}

std::string result_of(const CheckRow& row) {
  if (!row.problems.empty()) return "FAIL";
  return row.held > 0 ? "pass" : "-";
}

/// A line a check.
std::string text_of_one(const MethodReport& report, int width) {
  std::vector<std::vector<std::string>> lines;
  for (const CheckRow& row : report.checks) {
    lines.push_back(
        {row.name, result_of(row),
         fmt::format("{}/{}", row.held, row.held + static_cast<std::int64_t>(row.problems.size())),
         row.meaning});
  }
  lines.push_back({"run", report.other.empty() ? "pass" : "FAIL", "",
                   "it ends by itself, within its limits, and prints little"});
  return fmt::format("method {}: {}, {} settings tried on models of 6 kinds, {}\n", report.method,
                     report.passed() ? "conforms" : "does not conform", report.tried,
                     human_seconds(report.seconds)) +
         listing({"check", "result", "held", "what must hold"}, lines, width);
}

/// A line a method.
std::string text_of_many(const std::vector<MethodReport>& reports, int width) {
  std::vector<std::vector<std::string>> lines;
  for (const MethodReport& report : reports) {
    std::int64_t held = 0;
    for (const CheckRow& row : report.checks) held += row.held;
    lines.push_back({report.method, report.passed() ? "pass" : "FAIL",
                     fmt::format("{}", report.tried), fmt::format("{}", held),
                     human_seconds(report.seconds)});
  }
  return listing({"method", "result", "settings tried", "checks held", "time"}, lines, width);
}

void print_reports(const std::vector<MethodReport>& reports) {
  const int width = terminal_width();
  print_out(reports.size() == 1 ? text_of_one(reports.front(), width)
                                : text_of_many(reports, width));
  for (const MethodReport& report : reports) {
    for (const std::string& finding : findings_of(report)) {
      print_out(fmt::format("FAIL {}: {}\n", report.method, finding));
    }
  }
}

void test_methods(const MethodTestArguments& arguments, CommandResult& result) {
  const Catalogue catalogue = load_catalogue();
  const auto methods = asked_methods(arguments, catalogue);
  const StopHandlers handlers;
  StderrProgress progress;
  std::vector<MethodReport> reports;
  for (const MethodEntry* method : methods) {
    progress.live("checking " + method->name);
    reports.push_back(check_method_in_worker(method->name, cases_of(arguments, *method),
                                             arguments.limits, handlers.stop()));
    reports.back().plugin = method->plugin.file;
  }
  progress.live("");
  const bool passed = std::ranges::all_of(reports, &MethodReport::passed);
  result.code = passed ? ExitCode::kOk : ExitCode::kWorse;
  if (!arguments.json) return print_reports(reports);
  Json list = Json::array();
  for (const MethodReport& report : reports) list.push_back(to_json(report));
  print_json(list);
}

}  // namespace

void add_method_test_command(CLI::App& method, CommandResult& result) {
  CLI::App* command = add_command(
      method, "test", "Run the conformance kit over methods, each in a process of its own",
      "assay method test wanda\n  assay method test --plugin build/libmine.so\n\n"
      "The kit fits, applies, saves and loads on six kinds of tiny models; what it tries is in "
      "the\n"
      "method's conformance.json.\n\n"
      "Exit code: 0 every check holds; 1 a finding; 2 bad input; 130 interrupted.");
  const auto arguments = std::make_shared<MethodTestArguments>();
  command->add_option("names", arguments->names, "Methods; default: those of the plug-ins")
      ->type_name("METHOD");
  command->add_flag("--all", arguments->all, "Every method that there is");
  command->add_option("--cases", arguments->cases, "Another conformance.json than the method's")
      ->type_name("FILE");
  command->add_option("--timeout", arguments->limits.timeout_s, "Seconds that a method may take")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command
      ->add_option("--memory", arguments->limits.memory_bytes,
                   "Address space that its process may take")
      ->transform(CLI::AsSizeValue(false))
      ->default_str("8GiB");
  add_plugin_option(*command);
  command->add_flag("--json", arguments->json, "As JSON");
  command->callback([arguments, &result] { test_methods(*arguments, result); });
}

}  // namespace assay
