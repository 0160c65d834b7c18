#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <string>

#include "harness/base/output.h"
#include "harness/cli/commands.h"
#include "harness/cli/help.h"
#include "harness/store/database_check.h"

namespace assay {
namespace {

Json document_of(const std::string& database, const DatabaseCheck& check) {
  Json findings = Json::array();
  for (const Damage& finding : check.findings) {
    findings.push_back({{"table", finding.table},
                        {"row", finding.row},
                        {"found", finding.found},
                        {"remedy", finding.remedy}});
  }
  return {{"database", database},
          {"schema_version", check.version},
          {"newest_schema_version", check.newest},
          {"attempts", check.attempts},
          {"checksums_held", check.held},
          {"without_checksum", check.without},
          {"findings", findings}};
}

std::string lines_of(const DatabaseCheck& check) {
  std::string text;
  for (const Damage& finding : check.findings) {
    text +=
        fmt::format("{}{}{}: {}\n  what to do: {}\n", finding.table,
                    finding.table.empty() ? "" : ": ", finding.row, finding.found, finding.remedy);
  }
  return text;
}

void check_file(const std::string& database, bool json, CommandResult& result) {
  const DatabaseCheck check = check_database(database);
  if (!check.findings.empty()) result.code = ExitCode::kWorse;
  if (json) {
    print_json(document_of(database, check));
    return;
  }
  std::string text = lines_of(check);
  text += fmt::format("{}: schema {}, {} finished attempts, {} with the checksum that was stored",
                      database, check.version, check.attempts, check.held);
  if (check.without > 0) {
    text += fmt::format("; {} were finished before checksums were kept", check.without);
  }
  if (check.version < check.newest && check.version > 0) {
    text += fmt::format("; `assay db migrate {}` brings it to schema {}", database, check.newest);
  }
  print_out(fmt::format("{}\n{}\n", text,
                        check.findings.empty()
                            ? "nothing is wrong"
                            : fmt::format("findings: {}", check.findings.size())));
}

}  // namespace

void add_db_check_command(CLI::App& db, CommandResult& result) {
  CLI::App* command = add_command(
      db, "check", "Say whether a database is what was written, to every stored number",
      "assay db check results.db --json\n\n"
      "Looks at SQLite's pages, references between rows, documents and the checksum of every\n"
      "finished attempt and plan; changes nothing.\n\n"
      "Exit code: 0 nothing is wrong; 1 something is; 2 no results database, or of a newer assay;\n"
      "3 it cannot be read.");
  const auto database = std::make_shared<std::string>();
  command->add_option("database", *database, "Results database")
      ->required()
      ->check(database_place());
  const auto json = add_switch(*command, "--json", "As JSON");
  command->callback([database, json, &result] { check_file(*database, *json, result); });
}

}  // namespace assay
