#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "harness/base/files.h"
#include "harness/base/names.h"
#include "harness/base/output.h"
#include "harness/base/text.h"
#include "harness/cli/commands.h"
#include "harness/cli/help.h"
#include "harness/cli/report_file.h"
#include "harness/store/database_check.h"
#include "reports/layout.h"
#include "reports/report.h"

namespace assay {
namespace fs = std::filesystem;
namespace {

constexpr const char* kReportName = "report";

struct ReportArguments {
  std::string database, experiment, output, format, stored;
  Layout layout;
  PrintChoice print;
};

/// A layout out of an experiment's file, with the experiment that it belongs to.
struct Stored {
  std::string experiment;
  Layout layout;
};

std::vector<Stored> all_stored(const Store& store, const std::string& experiment) {
  std::vector<Stored> found;
  for (const std::string& name : store.experiments()) {
    if (!experiment.empty() && name != experiment) continue;
    for (Layout& layout : stored_layouts(store, name)) found.push_back({name, std::move(layout)});
  }
  return found;
}

Stored stored_layout(const Store& store, const ReportArguments& arguments) {
  std::vector<std::string> names;
  for (Stored& stored : all_stored(store, arguments.experiment)) {
    names.push_back(stored.layout.name);
    if (stored.layout.name == arguments.stored) return std::move(stored);
  }
  if (names.empty()) {
    throw UserError(fmt::format("{}: no experiment has a [[report]], so there is no layout '{}'",
                                arguments.database, arguments.stored));
  }
  throw UserError(unknown_name_message("layout", arguments.stored, names));
}

bool is_folder(const std::string& path) {
  return !path.empty() && (path.back() == '/' || fs::is_directory(path));
}

std::string format_of(const ReportArguments& arguments) {
  if (!arguments.format.empty()) return arguments.format;
  if (arguments.output.empty()) return "terminal";
  if (is_folder(arguments.output)) return "html";
  const std::string format = report_format_of_path(arguments.output);
  return format.empty() ? "terminal" : format;
}

std::string text_of(const Store& store, const ReportArguments& arguments, const std::string& format,
                    const RenderOptions& options) {
  if (!arguments.stored.empty()) {
    const Stored stored = stored_layout(store, arguments);
    return render_report(store, stored.experiment, stored.layout, format, options);
  }
  if (!arguments.layout.usual()) {
    return render_report(store, arguments.experiment, arguments.layout, format, options);
  }
  return render_report(store, arguments.experiment, format, options);
}

/// Names of the tables' files. A database may come from a stranger, so that names are checked; two
/// experiments may use the same name, which their own name tells apart.
std::vector<std::string> file_names(const std::vector<Stored>& tables) {
  std::map<std::string, int> uses{{kReportName, 1}};
  for (const Stored& table : tables) ++uses[table.layout.name];
  std::vector<std::string> names;
  for (const Stored& table : tables) {
    const std::string& name = checked_file_name("layout", table.layout.name);
    if (uses.at(name) == 1) {
      names.push_back(name);
    } else {
      names.push_back(checked_file_name("experiment", table.experiment) + "-" + name);
    }
  }
  return names;
}

/// The report, and each table that the experiment's file asks for, in files of their own.
void write_folder(const Store& store, const ReportArguments& arguments, const std::string& format) {
  const bool all = arguments.stored.empty() && arguments.layout.usual();
  const std::vector<Stored> tables =
      all ? all_stored(store, arguments.experiment) : std::vector<Stored>();
  const std::vector<std::string> names = file_names(tables);
  const fs::path folder = ensure_folder(arguments.output);
  const std::string extension = report_extension(format);
  const auto write = [&](const std::string& name, const std::string& text) {
    const fs::path file = folder / (name + "." + extension);
    write_report_file(file, text);
    print_out(fmt::format("{}\n", file.string()));
  };
  const RenderOptions options = file_options(arguments.print);
  write(kReportName, text_of(store, arguments, format, options));
  for (std::size_t i = 0; i < tables.size(); ++i) {
    write(names[i], render_report(store, tables[i].experiment, tables[i].layout, format, options));
  }
}

void write_report(const ReportArguments& arguments) {
  const Store store = Store::open_read_only(arguments.database);
  require_whole(arguments.database, arguments.experiment);
  const std::string format = format_of(arguments);
  if (!arguments.stored.empty() && !arguments.layout.usual()) {
    throw UserError(
        "--layout names a whole table; leave out --where, --group-by, --pivot, --columns");
  }
  if (arguments.output.empty()) {
    const std::string text = text_of(store, arguments, format, print_options(arguments.print));
    format == "terminal" ? print_coloured(text) : print_out(text);
  } else if (is_folder(arguments.output)) {
    write_folder(store, arguments, format);
  } else {
    write_report_file(arguments.output,
                      text_of(store, arguments, format, file_options(arguments.print)));
  }
}

void add_layout_options(CLI::App& command, ReportArguments& arguments) {
  Layout& layout = arguments.layout;
  command
      .add_option("--where", layout.where,
                  "Only results with FIELD=VALUE (also a,b and globs; !=, <, <=, >, >=); may be "
                  "given several times")
      ->allow_extra_args(false);
  command
      .add_option("--group-by", layout.group_by,
                  "Fields that make a line: model, method, setting, suite, profile, seed, "
                  "params.NAME, suite.NAME")
      ->delimiter(',');
  command.add_option("--pivot", layout.pivot, "Fields whose values make columns")->delimiter(',');
  command.add_option("--columns", layout.columns, "Metrics to show; globs are fine")
      ->delimiter(',');
  command.add_option("--title", layout.title, "Title of such a table");
  command.add_option("--layout", arguments.stored, "A [[report]] of the experiment's file by name");
}

}  // namespace

void add_report_command(CLI::App& program, CommandResult&) {
  CLI::App* command = add_command(
      program, "report", "Print what a database holds",
      "assay report results.db --format md -o report.md\n"
      "  assay report results.db -o report.html\n"
      "  assay report results.db --group-by params.sparsity --pivot method --columns token_ppl");
  const auto arguments = std::make_shared<ReportArguments>();
  command->add_option("database", arguments->database, "Results database")->required();
  command->add_option("--format", arguments->format,
                      "One of " + join(report_formats(), ", ") +
                          "; default: that of the output's name, else terminal");
  command
      ->add_flag_callback(
          "--json", [arguments] { arguments->format = "json"; },
          "As JSON: the same as --format json")
      ->excludes("--format");
  command->add_option("--experiment", arguments->experiment, "Only this experiment; default: all");
  command->add_option("-o,--output", arguments->output,
                      "File to write instead of standard output; or a folder, for the report and "
                      "each [[report]] of the experiment's file");
  add_layout_options(*command, *arguments);
  add_print_options(*command, arguments->print);
  command->callback([arguments] { write_report(*arguments); });
}

}  // namespace assay
