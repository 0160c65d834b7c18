#include "harness/cli/help.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>

#include "harness/base/colour.h"
#include "harness/base/errors.h"
#include "harness/base/files.h"
#include "harness/base/json_text.h"
#include "harness/base/numbers.h"
#include "harness/base/output.h"
#include "harness/base/text.h"
#include "harness/config/model_files.h"
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

CLI::Validator number_within(double least, double most) {
  return CLI::Validator(
      [least, most](std::string& text) -> std::string {
        const auto number = number_from<double>(text);
        if (number && *number >= least && *number <= most) return "";
        return fmt::format("{} is not a number in [{}, {}]", quoted_name(text), least, most);
      },
      "");
}

CLI::Validator whole_number() {
  return CLI::Validator(
      [](std::string& text) -> std::string {
        if (number_from<std::int64_t>(text)) return "";
        return fmt::format("{} is not an integer of 64 bits", quoted_name(text));
      },
      "");
}

Catalogue load_catalogue() { return read_catalogue(share_folder(), describe_worker().document); }

Catalogue load_catalogue_with_hub_cache() {
  Catalogue catalogue = load_catalogue();
  add_models_in_hub_cache(catalogue);
  return catalogue;
}

std::string two_columns(const std::vector<std::pair<std::string, std::string>>& rows) {
  std::size_t width = 0;
  for (const auto& [name, summary] : rows) width = std::max(width, name.size());
  std::string text;
  for (const auto& [name, summary] : rows) {
    text += summary.empty() ? name + "\n" : fmt::format("{:<{}}  {}\n", name, width, summary);
  }
  return text;
}

int terminal_width() {
  winsize size{};
  const bool known = ::isatty(STDOUT_FILENO) == 1 && ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0;
  return known ? size.ws_col : 0;
}

void add_colour_option(CLI::App& command, PrintChoice& choice) {
  command
      .add_option("--color", choice.colour,
                  "auto: colours on a terminal, unless NO_COLOR is set or TERM is dumb")
      ->check(CLI::IsMember({"auto", "always", "never"}))
      ->capture_default_str();
}

void add_print_options(CLI::App& command, PrintChoice& choice) {
  add_colour_option(command, choice);
  command.add_flag("--wide", choice.wide,
                   "Print tables with all digits and whole intervals and labels; where there is no "
                   "terminal, in lines of any length");
}

namespace {

bool colours(const PrintChoice& choice, bool terminal) {
  if (choice.colour == "auto") return terminal && wants_colour();
  return choice.colour == "always";
}

}  // namespace

RenderOptions print_options(const PrintChoice& choice) {
  const int width = terminal_width();
  const bool terminal = ::isatty(STDOUT_FILENO) == 1;
  return {.width = width > 0 ? width : (choice.wide ? 0 : kPlainWidth),
          .colour = colours(choice, terminal),
          .wide = choice.wide};
}

RenderOptions file_options(const PrintChoice& choice) {
  return {.width = choice.wide ? 0 : kPlainWidth,
          .colour = colours(choice, false),
          .wide = choice.wide};
}

void print_json(const Json& document) { print_out(fmt::format("{}\n", json_text(document, 2))); }

}  // namespace assay
