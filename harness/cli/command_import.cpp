#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <string>

#include "harness/base/output.h"
#include "harness/cli/commands.h"
#include "harness/cli/help.h"
#include "harness/store/import_csv.h"

namespace assay {
namespace {

struct ImportArguments {
  std::string file, experiment;
  std::string database = "results.db";
  bool json = false;
};

void import_file(const ImportArguments& arguments) {
  const std::filesystem::path file = arguments.file;
  const std::string name =
      arguments.experiment.empty() ? file.stem().string() : arguments.experiment;
  const ImportedFile imported = read_import(file);  // a file that is refused makes no database
  Store store = Store::open(arguments.database);
  const ImportCounts counts = store_import(store, imported, name);
  if (arguments.json) {
    print_json({{"experiment", name},
                {"cells", counts.cells},
                {"values", counts.values},
                {"gaps", counts.gaps}});
    return;
  }
  print_out(fmt::format("{}: {} cells with {} values and {} gaps from {}\n", name, counts.cells,
                        counts.values, counts.gaps, arguments.file));
}

}  // namespace

void add_import_command(CLI::App& program, CommandResult&) {
  CLI::App* command =
      add_command(program, "import",
                  "Read results that were measured elsewhere out of a CSV file. They are marked as "
                  "imported everywhere, and nothing measured is compared with them",
                  "assay import published.csv --db results.db");
  const auto arguments = std::make_shared<ImportArguments>();
  command
      ->add_option("file", arguments->file,
                   "CSV with model, method, suite, metric, value; docs/formats/report.md has the "
                   "other columns")
      ->required();
  command->add_option("--db", arguments->database, "Results database, made when missing")
      ->check(database_place())
      ->capture_default_str();
  command->add_option("--experiment", arguments->experiment,
                      "Name of the experiment; default: that of the file");
  command->add_flag("--json", arguments->json, "As JSON");
  command->callback([arguments] { import_file(*arguments); });
}

}  // namespace assay
