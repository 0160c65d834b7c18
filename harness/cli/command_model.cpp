#include <fmt/format.h>

#include <memory>
#include <string>
#include <vector>

#include "harness/base/output.h"
#include "harness/cli/commands.h"
#include "harness/cli/help.h"
#include "harness/cli/listing.h"
#include "harness/runner/model_finder.h"
#include "harness/runner/progress.h"
#include "harness/runner/stop.h"

namespace assay {
namespace {

void import_models(const std::vector<std::string>& names, bool again, bool json) {
  const StopHandlers handlers;
  StderrProgress progress;
  const Catalogue catalogue = load_catalogue();
  const auto say = [&](const std::string& text) { progress.step(text); };
  Json imported = Json::array();
  for (const std::string& name : names) {
    std::filesystem::path folder = again ? "" : present_model(name);
    if (folder.empty()) folder = import_model(name, catalogue, say, handlers.stop());
    imported.push_back({{"name", name}, {"folder", folder.string()}});
    if (!json) print_out(fmt::format("{}\n", folder.string()));
  }
  if (json) print_json(imported);
}

Json model_list() {
  Json list = Json::array();
  for (const ModelEntry& model : load_catalogue().models) {
    list.push_back({{"name", model.name},
                    {"summary", model.summary},
                    {"importable", !model_manifest(model.name).empty()},
                    {"folder", present_model(model.name).string()}});
  }
  return list;
}

void print_model_list(bool json) {
  const Json list = model_list();
  if (json) {
    print_json(list);
    return;
  }
  std::vector<std::vector<std::string>> lines;
  for (const Json& model : list) {
    const auto folder = model.at("folder").get<std::string>();
    lines.push_back({model.at("name").get<std::string>(),
                     folder.empty() ? "not imported yet" : folder,
                     model.at("summary").get<std::string>()});
  }
  print_out(listing({"model", "folder", "summary"}, lines, terminal_width()));
}

}  // namespace

void add_model_command(CLI::App& program, CommandResult&) {
  CLI::App* model =
      add_command(program, "model", "Import models, see which are here, and write compressed ones",
                  "assay model import smollm2-135m");
  model->require_subcommand(1);
  CLI::App* get =
      add_command(*model, "import", "Download and convert models into Hugging Face directories",
                  "assay model import smollm2-135m");
  const auto names = std::make_shared<std::vector<std::string>>();
  get->add_option("names", *names, "Names of `assay model list`")->required()->type_name("MODEL");
  const auto again = add_switch(*get, "--again", "Import even when the model is here already");
  const auto as_json = add_switch(*get, "--json", "As JSON");
  get->callback([names, again, as_json] { import_models(*names, *again, *as_json); });
  CLI::App* list = add_command(
      *model, "list", "Models that an experiment can name: importable ones and those in folders",
      "assay model list --json");
  const auto json = add_switch(*list, "--json", "As JSON");
  list->callback([json] { print_model_list(*json); });
}

}  // namespace assay
