// Any program that reads a model directory and writes a compressed one, as a method.
#include "harness/base/cell_errors.h"
#include "harness/base/text.h"
#include "harness/method/method.h"
#include "methods/external/command.h"
#include "methods/external/transplant.h"

namespace assay {
namespace {

std::vector<ParamSpec> external_params() {
  ParamSpec command;
  command.name = "command";
  command.type = ParamType::kTextList;
  command.help = "Program and arguments; {model}, {out} and {params} are filled in";
  ParamSpec settings;
  settings.name = "settings";
  settings.type = ParamType::kText;
  settings.default_value = "{}";
  settings.help =
      "A JSON object for the program, found in the file {params} together with the seed";
  return {command, settings};
}

std::vector<std::string> parameter_problems(const Params& params) {
  std::vector<std::string> problems = command_problems(params.get_text_list("command"));
  if (!Json::parse(params.get_text("settings"), nullptr, false).is_object()) {
    problems.push_back("settings is not a JSON object: " + params.get_text("settings"));
  }
  return problems;
}

/// Runs `read` on what the command wrote: what is wrong with that is the command's failure.
template <typename Read>
auto written(Read read) {
  try {
    return read();
  } catch (const UserError& error) {
    throw CommandFailed(std::string("external: the command wrote no usable model: ") +
                        error.what());
  }
}

/// The program reads the folder: what another method did to the model before would be lost.
void require_model_of(const std::filesystem::path& folder, const Model& model) {
  LoadOptions options;
  options.dtype = model.dtype();
  options.device = model.device();
  if (Model::load(folder, options).content_hash() == model.content_hash()) return;
  throw DoesNotApply(
      "external: the program reads the model's folder, and this model is not the one that lies "
      "there: a method before it changed it, or its weights are random; put external first, and "
      "give the model its own weights");
}

class External final : public Method {
 public:
  [[nodiscard]] MethodInfo info() const override {
    MethodInfo info;
    info.name = "external";
    info.takes_experts = true;
    info.summary = "Runs a program that writes a compressed copy of the model directory";
    info.params = external_params();
    return info;
  }

  [[nodiscard]] Artefact fit(const Model& model, FitContext& context,
                             const Params& params) const override {
    const std::vector<std::string> problems = parameter_problems(params);
    if (!problems.empty()) throw UserError(problems);
    require_model_of(context.model_folder(), model);
    const auto folder = run_compression_command(params.get_text_list("command"),
                                                Json::parse(params.get_text("settings")), context);
    LoadOptions options;
    options.dtype = model.dtype();
    options.device = model.device();
    return difference(model, written([&] { return Model::load(folder, options); }), context);
  }

  void apply(Model& model, const Artefact& artefact) const override { transplant(model, artefact); }
};

}  // namespace

void register_external(MethodRegistry& registry) { registry.add(std::make_unique<External>()); }

}  // namespace assay
