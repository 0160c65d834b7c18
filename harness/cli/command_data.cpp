#include <fmt/format.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "harness/base/files.h"
#include "harness/base/output.h"
#include "harness/base/text.h"
#include "harness/cli/commands.h"
#include "harness/cli/help.h"
#include "harness/runner/progress.h"
#include "harness/runner/raw_data.h"
#include "harness/runner/stop.h"
#include "harness/runner/tools.h"

namespace assay {
namespace {

void get_data(const std::vector<std::string>& names) {
  const StopHandlers handlers;
  StderrProgress progress;
  const Catalogue catalogue = load_catalogue();
  std::vector<const DatasetEntry*> datasets;
  for (const std::string& name : names) datasets.push_back(&catalogue.dataset(name));
  ensure_folder(assay_home());
  for (const DatasetEntry* dataset : datasets) {
    progress.step(fmt::format("getting {} ({})", dataset->name, dataset->source));
    const Json result = run_python_tool(
        {"fetch", "--manifest", dataset->manifest.string(), "--home", assay_home().string()},
        handlers.stop());
    for (const Json& file : result.value("files", Json::array())) {
      print_out(fmt::format(
          "{}\n", file.is_object() ? file.at("path").get<std::string>() : file.get<std::string>()));
    }
  }
}

Json data_list() {
  const Catalogue catalogue = load_catalogue();
  Json list = Json::array();
  for (const DatasetEntry& dataset : catalogue.datasets) {
    Json present = Json::array();
    Json missing = Json::array();
    for (const std::string& split : dataset.splits) {
      const bool here = find_raw_files(dataset, split, false).missing.empty();
      (here ? present : missing).push_back(split);
    }
    list.push_back({{"name", dataset.name},
                    {"summary", dataset.summary},
                    {"licence", dataset.licence},
                    {"present", present},
                    {"missing", missing}});
  }
  return list;
}

std::string presence(const Json& dataset) {
  if (dataset.at("missing").empty()) return "here";
  const auto here = dataset.at("present").get<std::vector<std::string>>();
  return here.empty() ? "not here" : "here: " + join(here, ", ");
}

void print_data_list(bool json) {
  const Json list = data_list();
  if (json) {
    print_json(list);
    return;
  }
  std::vector<std::pair<std::string, std::string>> rows;
  for (const Json& dataset : list) {
    rows.emplace_back(
        dataset.at("name").get<std::string>(),
        fmt::format("{}; {}", presence(dataset), dataset.at("summary").get<std::string>()));
  }
  print_out(two_columns(rows));
}

}  // namespace

void add_data_command(CLI::App& program, CommandResult&) {
  CLI::App* data =
      add_command(program, "data", "Get data sets, and see which are here", "assay data get piqa");
  data->require_subcommand(1);
  CLI::App* get = add_command(*data, "get", "Download the raw files of data sets into the cache",
                              "assay data get piqa arc-easy");
  const auto names = std::make_shared<std::vector<std::string>>();
  get->add_option("names", *names, "Names of `assay data list`")->required();
  get->callback([names] { get_data(*names); });
  CLI::App* list = add_command(
      *data, "list", "Data sets, and whether their files are under ASSAY_DATA or in the cache",
      "assay data list --json");
  const auto json = add_switch(*list, "--json", "As JSON");
  list->callback([json] { print_data_list(*json); });
}

}  // namespace assay
