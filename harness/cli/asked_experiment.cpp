#include "harness/cli/asked_experiment.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <set>
#include <system_error>
#include <vector>

#include "harness/base/errors.h"
#include "harness/base/files.h"
#include "harness/base/output.h"
#include "harness/base/text.h"
#include "harness/cli/help.h"
#include "harness/cli/plugins.h"
#include "harness/runner/plugins.h"

namespace assay {
namespace {

/// The first option that asks for something, as it was given; "" where none does.
std::string first_option(const AskedExperiment& asked) {
  if (!asked.models.empty()) return "--model " + asked.models.front();
  if (!asked.methods.empty()) return "--method " + asked.methods.front();
  if (!asked.suites.empty()) return "--suite " + asked.suites.front();
  if (!asked.profiles.empty()) return "--profile " + asked.profiles.front();
  if (!asked.seeds.empty()) return fmt::format("--seed {}", asked.seeds.front());
  if (!asked.calibration.empty()) return "--calibration " + asked.calibration;
  if (!asked.name.empty()) return "--name " + asked.name;
  return asked.twin ? "" : "--no-dense";
}

/// A file and options are two experiments.
void check_source(const ExperimentArguments& arguments) {
  const std::string option = first_option(arguments.asked);
  if (arguments.file.empty() && option.empty()) {
    throw UserError(
        "nothing is asked for: name an experiment file, or give --model, --method and --suite, as "
        "in --model smollm2-135m --method wanda:sparsity=0.5 --suite decode");
  }
  if (arguments.file.empty()) return;
  if (!option.empty()) {
    throw UserError(fmt::format(
        "{}: an experiment file says everything itself, and {} asks for something else; leave one "
        "of them out",
        arguments.file, option));
  }
  if (!arguments.save.empty()) {
    throw UserError(fmt::format(
        "--save {}: writes what --model, --method and --suite ask for, and {} is a file already; "
        "leave it out",
        arguments.save, arguments.file));
  }
}

/// What a file could not leave out either, all at once.
void check_complete(const AskedExperiment& asked) {
  std::vector<std::string> missing;
  if (asked.models.empty()) {
    missing.emplace_back("no --model; add one: a folder, or a name of `assay list models`");
  }
  if (asked.suites.empty()) {
    missing.emplace_back("no --suite; add one: a name of `assay list suites`");
  }
  if (asked.methods.empty() && !asked.twin) {
    missing.emplace_back("no --method beside --no-dense; add one: a name of `assay list methods`");
  }
  if (!missing.empty()) throw UserError(missing);
}

[[noreturn]] void refuse_to_replace(const std::string& path) {
  throw UserError(
      fmt::format("--save {}: is there already, and nothing is replaced; name another file", path));
}

/// Made here and now, so that nothing is replaced.
void make_new_file(const std::string& path) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (file >= 0) {
    ::close(file);
    return;
  }
  if (errno == EEXIST) refuse_to_replace(path);
  throw MachineError(fmt::format("--save {}: cannot be written ({}); name another place", path,
                                 std::generic_category().message(errno)));
}

template <typename Data>
std::string data_text(const Data& data) {
  return data.dataset + ", split " + data.split;
}

ExperimentText text_of(const ExperimentArguments& arguments, const Catalogue& catalogue) {
  AskedExperiment asked = arguments.asked;
  for (const UsedPlugin& plugin : used_plugins()) asked.plugins.push_back(plugin.file.string());
  return experiment_text(asked, catalogue);
}

/// What methods learn from, each once, however many settings there are.
std::set<std::string> data_of(const Experiment& experiment) {
  std::set<std::string> said;
  for (const MethodChoice& method : experiment.methods) {
    for (std::size_t i = 0; i <= method.then.size(); ++i) {
      const MethodChoice& link = method.link(i);
      if (link.calibration) {
        said.insert(fmt::format("{} calibrates on {} samples of {}", link.id,
                                link.calibration->samples, data_text(*link.calibration)));
      }
      if (link.training) {
        said.insert(fmt::format("{} trains on {}", link.id, data_text(*link.training)));
      }
    }
  }
  return said;
}

/// What the options leave to defaults.
void say_defaults(const Experiment& experiment) {
  std::vector<std::string> seeds;
  for (const std::uint64_t seed : experiment.seeds) seeds.push_back(fmt::format("{}", seed));
  const std::set<std::string> data = data_of(experiment);
  std::vector<std::string> parts;
  if (experiment.methods.front().place.text() == kAddedTwin) parts.emplace_back("dense added");
  parts.insert(parts.end(), data.begin(), data.end());
  parts.push_back(fmt::format("profile {}", join(experiment.profiles, ", ")));
  parts.push_back(fmt::format("seed {}", join(seeds, ", ")));
  print_error(fmt::format("experiment {}: {}\n", experiment.name, join(parts, "; ")));
}

void add_what_options(CLI::App& command, AskedExperiment& asked) {
  const auto several = [&](const char* name, std::vector<std::string>& values, const char* type,
                           const char* help) {
    command.add_option(name, values, help)->type_name(type)->allow_extra_args(false);
  };
  several("--model", asked.models, "MODEL",
          "Instead of a file: a model, by folder or name; :weights=random for its shape only; "
          "repeatable");
  several("--method", asked.methods, "METHOD",
          "A method with its parameters, such as wanda:sparsity=0.5,pattern=2:4; [0.5,0.6] is an "
          "axis, + applies another method to the result; repeatable");
  several("--suite", asked.suites, "SUITE",
          "A suite with its parameters, such as decode:batch=8; repeatable");
  several("--profile", asked.profiles, "PROFILE", "A hardware profile; default: cpu; repeatable");
}

}  // namespace

std::string ExperimentArguments::shown() const { return file.empty() ? "the command line" : file; }

void add_experiment_options(CLI::App& command, ExperimentArguments& arguments) {
  AskedExperiment& asked = arguments.asked;
  command.add_option("file", arguments.file, "Experiment file (TOML)")->type_name("FILE");
  add_what_options(command, asked);
  command.add_option("--seed", asked.seeds, "A seed; default: 0; repeatable")
      ->type_name("SEED")
      ->check(whole_number())
      ->allow_extra_args(false);
  command
      .add_option("--calibration", asked.calibration,
                  "Data for all methods that calibrate and name none, such as "
                  "wikitext-2:samples=64; default: news, 128 samples")
      ->type_name("DATASET");
  command.add_flag_callback(
      "--no-dense", [&asked] { asked.twin = false; },
      "Leave out the dense twin, and so all ratios");
  command
      .add_option("--name", asked.name,
                  "Name of the results in the database; default: one made of what is asked")
      ->type_name("TEXT");
  add_plugin_option(command);
  command.add_option("--save", arguments.save, "Also write the options as an experiment file")
      ->type_name("FILE");
}

Experiment asked_experiment(const ExperimentArguments& arguments, const Catalogue& catalogue) {
  check_source(arguments);
  if (!arguments.file.empty()) return read_experiment(arguments.file, catalogue);
  check_complete(arguments.asked);
  std::error_code none;
  if (std::filesystem::exists(std::filesystem::symlink_status(arguments.save, none))) {
    refuse_to_replace(arguments.save);
  }
  Experiment experiment = read_experiment(text_of(arguments, catalogue), catalogue);
  say_defaults(experiment);
  return experiment;
}

void save_experiment(const ExperimentArguments& arguments, const Catalogue& catalogue) {
  if (arguments.save.empty()) return;
  make_new_file(arguments.save);
  write_output_file(arguments.save, text_of(arguments, catalogue).text);
  print_error(fmt::format("wrote {0}; it asks for the same: assay run {0}\n", arguments.save));
}

}  // namespace assay
