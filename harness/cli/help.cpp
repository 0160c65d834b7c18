#include "harness/cli/help.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>

#include "harness/base/errors.h"
#include "harness/base/files.h"
#include "harness/base/json_text.h"
#include "harness/base/output.h"
#include "harness/runner/tools.h"
#include "harness/store/place.h"

namespace assay {

CLI::App* add_command(CLI::App& parent, const std::string& name, const std::string& description,
                      const std::string& example) {
  CLI::App* command = parent.add_subcommand(name, description);
  command->footer("Example:\n  " + example);
  return command;
}

std::shared_ptr<const bool> add_switch(CLI::App& command, const std::string& name,
                                       const std::string& description) {
  auto value = std::make_shared<bool>(false);
  command.add_flag(name, *value, description);
  return value;
}

CLI::Validator database_place() {
  return CLI::Validator(
      [](std::string& name) -> std::string {
        try {
          check_database_place(name);
          return "";
        } catch (const UserError& error) {
          return error.what();
        }
      },
      "");
}

Catalogue load_catalogue() { return read_catalogue(share_folder(), describe_worker().document); }

std::string two_columns(const std::vector<std::pair<std::string, std::string>>& rows) {
  std::size_t width = 0;
  for (const auto& [name, summary] : rows) width = std::max(width, name.size());
  std::string text;
  for (const auto& [name, summary] : rows) {
    text += summary.empty() ? name + "\n" : fmt::format("{:<{}}  {}\n", name, width, summary);
  }
  return text;
}

RenderOptions terminal_options() {
  winsize size{};
  const bool terminal = ::isatty(STDOUT_FILENO) == 1;
  if (!terminal || ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) return {};
  return {.width = size.ws_col, .colour = environment_or("NO_COLOR", "").empty()};
}

void print_json(const Json& document) { print_out(fmt::format("{}\n", json_text(document, 2))); }

}  // namespace assay
