#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "harness/base/cell_errors.h"
#include "harness/base/files.h"
#include "harness/base/hash_cache.h"
#include "harness/base/output.h"
#include "harness/base/text.h"
#include "harness/cli/commands.h"
#include "harness/cli/help.h"
#include "harness/cli/model_card.h"
#include "harness/cli/plugins.h"
#include "harness/config/method_setting.h"
#include "harness/config/profile.h"
#include "harness/protocol/export_events.h"
#include "harness/runner/disk_resolver.h"
#include "harness/runner/process_launcher.h"
#include "harness/runner/scratch.h"
#include "harness/runner/single_result.h"
#include "harness/runner/stop.h"

namespace assay {
namespace fs = std::filesystem;
namespace {

struct ExportArguments {
  std::string model, method, artefact, dtype, database, output, profile = "cpu";
  std::vector<std::string> settings, then;
  std::uint64_t seed = 0;
  std::uint64_t shard_bytes = 5'000'000'000;
  bool json = false;
};

/// What an export starts from.
struct Result {
  ResolvedModel model;
  std::vector<AppliedArtefact> applied;  ///< none for dense
  CardFacts facts;
};

std::string files_of(const std::vector<AppliedArtefact>& applied) {
  std::vector<std::string> files;
  for (const AppliedArtefact& one : applied) files.push_back(one.file);
  return join(files, ", ");
}

fs::path checked_target(const std::string& output) {
  fs::path target = fs::absolute(output).lexically_normal();
  if (!target.has_filename()) target = target.parent_path();
  std::error_code ignored;
  if (fs::exists(fs::symlink_status(target, ignored))) {
    throw UserError(fmt::format(
        "{}: is there already; choose another folder with -o, or remove this one first", output));
  }
  const fs::path parent = target.parent_path();
  if (!fs::is_directory(parent, ignored)) {
    throw UserError(fmt::format(
        "{}: no such folder; make it first, or choose another place with -o", parent.string()));
  }
  if (::access(parent.c_str(), W_OK | X_OK) != 0) {
    throw MachineError(fmt::format("{}: nothing can be written here; choose another place with -o",
                                   parent.string()));
  }
  return target;
}

std::string short_name(const std::string& model) {
  fs::path path = fs::path(model).lexically_normal();
  if (!path.has_filename()) path = path.parent_path();
  const std::string name = path.filename().string();
  return name == "." || name == ".." ? fs::canonical(path).filename().string() : name;
}

class Export {
 public:
  Export(const ExportArguments& arguments, std::vector<MethodText> chain, fs::path target)
      : arguments_(arguments),
        chain_(std::move(chain)),
        target_(std::move(target)),
        catalogue_(load_catalogue()),
        resolver_(
            catalogue_, [this](const std::string& text) { progress_.step(text); },
            handlers_.stop()),
        launcher_(handlers_.stop(), handlers_.kill()) {}

  void run() {
    Result result = arguments_.artefact.empty() ? fitted() : given();
    result.facts.model = short_name(arguments_.model);
    result.facts.model_hash = result.model.hash;
    result.facts.database = arguments_.database;
    for (const AppliedArtefact& one : result.applied) {
      result.facts.artefact_hashes.push_back(cached_file_hash(one.file));
    }
    try {
      write_folder_atomically(target_, [&](const fs::path& folder) {
        with_target_named(folder, [&] { fill(folder, result); });
      });
    } catch (const DoesNotApply& error) {
      if (result.applied.empty()) throw;
      throw DoesNotApply(fmt::format("{}; what there is to hand on is the artefact{} alone: {}",
                                     error.what(), result.applied.size() == 1 ? "" : "s",
                                     files_of(result.applied)));
    }
    if (arguments_.json) {
      print_json({{"folder", target_.string()}});
    } else {
      print_out(fmt::format("{}\n", target_.string()));
    }
  }

 private:
  [[nodiscard]] ModelChoice model_choice() const {
    return {arguments_.model, false, {"the command line", 0, 0}};
  }

  /// Out of the cache of artefacts, or fitted now.
  Result fitted() {
    Result result;
    result.facts.method = read_method_setting(chain_, catalogue_);
    const Plan plan = single_plan(model_choice(), result.facts.method, arguments_.profile,
                                  arguments_.seed, catalogue_, resolver_);
    result.model = plan.models.front();
    result.applied = fitted_artefacts(plan, catalogue_, launcher_, progress_, handlers_.stop());
    result.facts.seed = arguments_.seed;
    return result;
  }

  /// A file of the user's; the worker reads what it is.
  Result given() {
    Result result;
    result.facts.method.id = catalogue_.method(arguments_.method).name;
    result.facts.own_artefact = true;
    const fs::path file = fs::absolute(arguments_.artefact);
    if (!fs::is_regular_file(file)) {
      throw UserError(fmt::format("--artefact {}: no such file", arguments_.artefact));
    }
    result.applied = {{result.facts.method.id, file.string()}};
    result.model = resolver_.model(model_choice());
    return result;
  }

  [[nodiscard]] WorkerRequest request(const Result& result, const fs::path& folder,
                                      const fs::path& scratch) const {
    const ProfileEntry& profile = catalogue_.profile(arguments_.profile);
    WorkerRequest request;
    request.op = "export";
    request.model_folder = fs::absolute(result.model.folder).string();
    request.model_hash = result.model.hash;
    request.dtype = arguments_.dtype;
    request.device = profile.device;
    request.threads = threads_on_this_machine(profile);
    request.cores = profile.cores;
    request.method = result.facts.method.id;
    request.params = result.facts.method.params;
    request.applied = result.applied;
    request.scratch = scratch.string();
    request.output = folder.string();
    request.shard_bytes = static_cast<std::int64_t>(arguments_.shard_bytes);
    return request;
  }

  /// The folder that is filled goes away when it fails: nobody would know it by its name.
  template <typename Fill>
  void with_target_named(const fs::path& folder, Fill&& fill) const {
    try {
      fill();
    } catch (const MachineError& error) {
      std::string text = error.what();
      const std::size_t at = text.find(folder.string());
      if (at == std::string::npos) throw;
      throw MachineError(text.replace(at, folder.string().size(), target_.string()));
    }
  }

  void fill(const fs::path& folder, Result& result) {
    const ScratchFolder scratch;
    progress_.step(fmt::format("write {}", target_.string()));
    const WorkerRun run = launcher_.run(
        request(result, folder, scratch.path()), {}, [&](const ReplyReader::Progress& report) {
          progress_.live(fmt::format("write {}/{} {}", report.done, report.total, report.what));
        });
    require_ok(run.outcome, "export");
    take_events(run.reply.events, result.facts);
    const std::vector<CardValue> values = measured_values(result.facts);
    write_file_atomically(folder / "README.md", model_card(result.facts, values, run.reply.events));
    // Renaming would leave a folder of somebody else's in its place, without a word.
    if (fs::exists(fs::symlink_status(target_))) {
      throw UserError(fmt::format("{}: another program made it meanwhile; choose another folder",
                                  target_.string()));
    }
  }

  /// Parameters are as the artefacts have them.
  void take_events(const std::vector<WorkerReply::Event>& events, CardFacts& facts) {
    std::size_t link = 0;
    for (const WorkerReply::Event& event : events) {
      if (event.code == kExportParams) facts.method.link(link++).params = parse_json(event.text);
      if (event.code == kExportRemark) progress_.step("note: " + event.text);
    }
  }

  const ExportArguments& arguments_;
  std::vector<MethodText> chain_;
  fs::path target_;
  StopHandlers handlers_;
  StderrProgress progress_;
  Catalogue catalogue_;
  DiskResolver resolver_;
  ProcessLauncher launcher_;
};

/// The methods in the order in which they are applied; a --set belongs to the one before it.
std::vector<MethodText> chain_of(const CLI::App& command, const ExportArguments& arguments) {
  std::vector<MethodText> chain = {{arguments.method}};
  auto setting = arguments.settings.begin();
  auto next = arguments.then.begin();
  bool began = false;
  for (const CLI::Option* option : command.parse_order()) {
    began = began || option->check_lname("method");
    if (option->check_lname("set")) chain.back().settings.push_back(*setting++);
    if (!option->check_lname("then")) continue;
    if (!began) {
      throw UserError(fmt::format(
          "--then {}: stands before --method; name the methods in the order in which they are "
          "applied",
          *next));
    }
    chain.push_back({*next++});
  }
  if (chain.size() > 1 && !arguments.artefact.empty()) {
    throw UserError(fmt::format(
        "--then {}: a chain is fitted link by link, and --artefact brings what was fitted before; "
        "leave one of them out",
        arguments.then.front()));
  }
  return chain;
}

void add_options(CLI::App& command, ExportArguments& arguments) {
  command.add_option("model", arguments.model, "A name of `assay model list`, or a folder")
      ->required()
      ->type_name("MODEL");
  add_plugin_option(command);
  command.add_option("--method", arguments.method, "What compresses it; dense: nothing does")
      ->required();
  CLI::Option* set =
      command
          .add_option("--set", arguments.settings,
                      "A parameter of the method before it, or calibration.KEY, training.KEY of "
                      "its data; repeatable")
          ->type_name("KEY=VALUE")
          ->allow_extra_args(false);
  command
      .add_option("--then", arguments.then,
                  "A method that is applied to the result, with --set behind it; repeatable")
      ->type_name("METHOD")
      ->allow_extra_args(false);
  CLI::Option* seed =
      command.add_option("--seed", arguments.seed, "Seed of the fit")->check(whole_number());
  command.add_option("--artefact", arguments.artefact, "A fitted artefact, instead of a fit")
      ->excludes(set)
      ->excludes(seed);
  command
      .add_option("--dtype", arguments.dtype,
                  "Number type of the weights; without it that of the original")
      ->check(CLI::IsMember({"fp32", "bf16", "fp16"}));
  command
      .add_option("--shard-size", arguments.shard_bytes,
                  "Largest file of weights, such as 500MB; default 5GB")
      ->transform(CLI::AsSizeValue(true))
      ->check(CLI::PositiveNumber);
  command.add_option("--profile", arguments.profile, "Hardware profile of the fit")
      ->capture_default_str();
  command
      .add_option("--db", arguments.database,
                  "Results database whose values of this result go into the model card")
      ->check(database_place());
  command.add_flag("--json", arguments.json, "As JSON");
  command.add_option("-o,--output", arguments.output, "Folder to make; it may not be there yet")
      ->required();
}

}  // namespace

void add_model_export_command(CLI::App& model, CommandResult&) {
  CLI::App* command = add_command(
      model, "export",
      "Write a compressed model as a Hugging Face directory that transformers loads",
      "assay model export smollm2-135m --method wanda --set sparsity=0.5 -o smollm2-wanda\n"
      "  assay model export minilm-l6 --method wanda --set sparsity=0.5 --then finetune "
      "--set epochs=1 -o minilm-pruned");
  const auto arguments = std::make_shared<ExportArguments>();
  add_options(*command, *arguments);
  command->callback([arguments, command] {
    if (!arguments->database.empty() && !fs::exists(arguments->database)) {
      throw UserError(fmt::format("--db {}: no such file", arguments->database));
    }
    Export(*arguments, chain_of(*command, *arguments), checked_target(arguments->output)).run();
  });
}

}  // namespace assay
