#include <fmt/format.h>

#include "assay_build.h"
#include "harness/base/files.h"
#include "harness/base/output.h"
#include "harness/cli/commands.h"
#include "harness/cli/help.h"
#include "harness/runner/tools.h"

namespace assay {
namespace {

void print_version(bool json) {
  const WorkerDescription worker = describe_worker();
  const Json build = worker.document.value("build", Json::object());
  if (json) {
    print_json({{"version", kAssayVersion},
                {"build_type", kBuildType},
                {"worker", build},
                {"worker_hash", worker.hash},
                {"home", assay_home().string()}});
    return;
  }
  print_out(fmt::format("assay {} ({})\n", kAssayVersion, kBuildType));
  for (const auto& [name, value] : build.items()) {
    print_out(fmt::format("worker {}: {}\n", name,
                          value.is_string() ? value.get<std::string>() : value.dump()));
  }
}

}  // namespace

void add_version_command(CLI::App& program, CommandResult&) {
  CLI::App* command = add_command(
      program, "version", "Print the versions of the program and worker", "assay version --json");
  const auto json = add_switch(*command, "--json", "As JSON");
  command->callback([json] { print_version(*json); });
}

}  // namespace assay
