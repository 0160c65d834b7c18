#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "harness/base/errors.h"
#include "harness/base/files.h"
#include "harness/base/output.h"
#include "harness/cli/commands.h"
#include "harness/cli/help.h"

namespace assay {
namespace {

struct MethodNewArguments {
  std::string name, folder;
  bool json = false;
};

/// It becomes part of the name of a function.
void require_identifier(const std::string& name) {
  const auto fits = [](unsigned char letter) {
    return std::islower(letter) != 0 || std::isdigit(letter) != 0 || letter == '_';
  };
  if (!name.empty() && std::islower(static_cast<unsigned char>(name[0])) != 0 &&
      std::ranges::all_of(name, fits)) {
    return;
  }
  throw UserError(fmt::format(
      "method name '{}': use lower-case letters, digits and '_', starting with a letter", name));
}

void require_unused(const std::string& name) {
  for (const MethodEntry& method : load_catalogue().methods) {
    if (method.name != name) continue;
    throw UserError(
        fmt::format("there is a method '{}' already; choose a name that `assay list methods` does "
                    "not have",
                    name));
  }
}

/// "my_method" -> "MyMethod"
std::string class_name(const std::string& name) {
  std::string result;
  bool begins = true;
  for (const char letter : name) {
    if (letter == '_') {
      begins = true;
      continue;
    }
    result += begins ? static_cast<char>(std::toupper(static_cast<unsigned char>(letter))) : letter;
    begins = false;
  }
  return result;
}

std::string filled_in(std::string text, std::string_view place, const std::string& value) {
  for (std::size_t at = text.find(place); at != std::string::npos;
       at = text.find(place, at + value.size())) {
    text.replace(at, place.size(), value);
  }
  return text;
}

void write_method(const std::string& name, const std::filesystem::path& folder) {
  const std::filesystem::path templates = share_folder() / "templates" / "method";
  for (const auto& entry : std::filesystem::directory_iterator(templates)) {
    const std::string text = filled_in(read_text_file(entry.path()), "@name@", name);
    const std::string file = entry.path().filename().string();
    write_file_atomically(folder / (file == "method.cpp" ? name + ".cpp" : file),
                          filled_in(text, "@Name@", class_name(name)));
  }
}

void begin_method(const MethodNewArguments& arguments) {
  require_identifier(arguments.name);
  const std::filesystem::path folder = arguments.folder.empty() ? arguments.name : arguments.folder;
  std::error_code none;
  if (std::filesystem::exists(std::filesystem::symlink_status(folder, none))) {
    throw UserError(
        fmt::format("{}: is there already, and nothing is replaced; name another place "
                    "with --into",
                    folder.string()));
  }
  require_unused(arguments.name);
  write_folder_atomically(folder, [&](const auto& made) { write_method(arguments.name, made); });
  if (arguments.json) return print_json({{"name", arguments.name}, {"folder", folder.string()}});
  print_out(fmt::format(
      "{0}: a method that removes weights by lot; put your mathematics into {1}.cpp, then\n"
      "  cmake -S {0} -B {0}/build && cmake --build {0}/build\n"
      "  assay method test --plugin {0}/build/lib{1}.so\n"
      "  assay run {0}/experiment.toml\n",
      folder.string(), arguments.name));
}

}  // namespace

void add_method_new_command(CLI::App& method, CommandResult&) {
  CLI::App* command = add_command(
      method, "new", "Write a folder with a method that builds and conforms as it stands",
      "assay method new mine\n  assay method new mine --into ~/methods/mine\n\n"
      "It builds against an installed assay (CMAKE_PREFIX_PATH) as a plug-in, and below methods/ "
      "of\n"
      "assay's sources as a built-in method.");
  const auto arguments = std::make_shared<MethodNewArguments>();
  command->add_option("name", arguments->name, "Lower-case letters, digits and '_'")
      ->required()
      ->type_name("TEXT");
  command->add_option("--into", arguments->folder, "The folder to write; default: ./NAME")
      ->type_name("FOLDER");
  command->add_flag("--json", arguments->json, "As JSON");
  command->callback([arguments] { begin_method(*arguments); });
}

}  // namespace assay
