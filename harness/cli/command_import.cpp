#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <string>

#include "harness/base/output.h"
#include "harness/base/text.h"
#include "harness/cli/commands.h"
#include "harness/cli/help.h"
#include "harness/imports/import.h"

namespace assay {
namespace {

struct ImportArguments {
  std::string file, experiment, format;
  std::string database = "results.db";
  bool json = false;
};

void say(const ImportArguments& arguments, const std::string& name, const ImportedFile& imported,
         const ImportCounts& counts) {
  if (arguments.json) {
    print_json({{"experiment", name},
                {"format", imported.format()},
                {"cells", counts.cells},
                {"values", counts.values},
                {"gaps", counts.gaps},
                {"left_out", imported.left_out()}});
    return;
  }
  print_out(fmt::format("{}: {} cells with {} values and {} gaps from {} ({})\n", name,
                        counts.cells, counts.values, counts.gaps, arguments.file,
                        imported.format()));
  for (const std::string& what : imported.left_out()) {
    print_out(fmt::format("  left out: {}\n", what));
  }
}

void import_file(const ImportArguments& arguments) {
  const std::filesystem::path file = arguments.file;
  const std::string name =
      arguments.experiment.empty() ? file.stem().string() : arguments.experiment;
  // A file that is refused makes no database.
  const ImportedFile imported = read_import(file, arguments.format);
  Store store = Store::open(arguments.database);
  say(arguments, name, imported, store_import(store, imported, name));
}

}  // namespace

void add_import_command(CLI::App& program, CommandResult&) {
  CLI::App* command = add_command(
      program, "import",
      "Read results that were measured elsewhere: a CSV file, JSON of Google Benchmark, results of "
      "lm-evaluation-harness. They are marked as imported everywhere, and nothing measured is "
      "compared with them",
      "assay import published.csv --db results.db\n"
      "  assay import bench.json --db results.db --experiment kernels\n"
      "  assay import results_2026-01-02T03-04-05.678901.json --db results.db");
  const auto arguments = std::make_shared<ImportArguments>();
  command
      ->add_option("file", arguments->file,
                   "File to read; docs/formats/report.md says what "
                   "becomes of it")
      ->required();
  command->add_option("--format", arguments->format,
                      "One of " + join(import_formats(), ", ") + "; default: what its content is");
  command->add_option("--db", arguments->database, "Results database, made when missing")
      ->check(database_place())
      ->capture_default_str();
  command->add_option("--experiment", arguments->experiment,
                      "Name of the experiment; default: that of the file");
  command->add_flag("--json", arguments->json, "As JSON");
  command->callback([arguments] { import_file(*arguments); });
}

}  // namespace assay
