#include "harness/cli/commands.h"
#include "harness/cli/help.h"

namespace assay {

void add_method_command(CLI::App& program, CommandResult&) {
  CLI::App* method = add_command(
      program, "method", "Begin a method of one's own, and check that it keeps the rules",
      "assay method new mine\n  assay method test mine --plugin mine/build/libmine.so");
  method->require_subcommand(1);
}

}  // namespace assay
