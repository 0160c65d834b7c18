#include <fmt/format.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "harness/base/output.h"
#include "harness/cli/commands.h"
#include "harness/cli/help.h"
#include "harness/runner/model_finder.h"
#include "harness/runner/progress.h"
#include "harness/runner/stop.h"

namespace assay {
namespace {

void import_models(const std::vector<std::string>& names, bool again) {
  const StopHandlers handlers;
  StderrProgress progress;
  const Catalogue catalogue = load_catalogue();
  const auto say = [&](const std::string& text) { progress.step(text); };
  for (const std::string& name : names) {
    std::filesystem::path folder = again ? "" : present_model(name);
    if (folder.empty()) folder = import_model(name, catalogue, say, handlers.stop());
    print_out(fmt::format("{}\n", folder.string()));
  }
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
  std::vector<std::pair<std::string, std::string>> rows;
  for (const Json& model : list) {
    const auto folder = model.at("folder").get<std::string>();
    const auto summary = model.at("summary").get<std::string>();
    rows.emplace_back(model.at("name").get<std::string>(),
                      fmt::format("{}{}{}", folder.empty() ? "not imported yet" : folder,
                                  summary.empty() ? "" : "; ", summary));
  }
  print_out(two_columns(rows));
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
  get->add_option("names", *names, "Names of `assay model list`")->required();
  const auto again = add_switch(*get, "--again", "Import even when the model is here already");
  get->callback([names, again] { import_models(*names, *again); });
  CLI::App* list = add_command(
      *model, "list", "Models that an experiment can name: importable ones and those in folders",
      "assay model list --json");
  const auto json = add_switch(*list, "--json", "As JSON");
  list->callback([json] { print_model_list(*json); });
}

}  // namespace assay
