#include "methods/external/command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <exception>
#include <sstream>
#include <stop_token>
#include <string_view>
#include <utility>

#include "harness/base/errors.h"
#include "harness/base/files.h"
#include "harness/base/text.h"
#include "harness/process/child.h"

namespace assay {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kShownOfStderr = 2000;

void replace_all(std::string& text, std::string_view from, const std::string& to) {
  for (std::size_t at = text.find(from); at != std::string::npos;
       at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

bool mentions(const std::vector<std::string>& command, std::string_view placeholder) {
  return std::any_of(command.begin(), command.end(), [&](const std::string& word) {
    return word.find(placeholder) != std::string::npos;
  });
}

fs::path find_program(const std::string& name) {
  if (fs::path(name).is_absolute()) return name;
  if (name.find('/') != std::string::npos) {
    throw UserError("external: '" + name +
                    "' is relative, and the program runs in a folder of its own; give its whole "
                    "path, or a name that is in PATH");
  }
  std::istringstream folders(environment_or("PATH", "/usr/bin:/bin"));
  for (std::string folder; std::getline(folders, folder, ':');) {
    const fs::path candidate = fs::path(folder) / name;
    if (::access(candidate.c_str(), X_OK) == 0 && !fs::is_directory(candidate)) return candidate;
  }
  throw MachineError("external: program '" + name + "' is not in PATH; give its whole path");
}

std::vector<std::string> inherited_environment() {
  std::vector<std::string> environment;
  for (char** entry = environ; *entry != nullptr; ++entry) environment.emplace_back(*entry);
  return environment;
}

std::string how_it_ended(const ChildResult& result) {
  if (!result.protocol_error.empty()) return result.protocol_error;
  if (result.signal != 0) return fmt::format("was ended by signal {}", result.signal);
  return fmt::format("ended with exit code {}", result.exit_code);
}

/// Runs to the end; a throwing progress() stops the child and comes through afterwards.
ChildResult run(const ChildSpec& spec, FitContext& context) {
  std::stop_source stop;
  std::exception_ptr cancelled;
  std::int64_t ticks = 0;
  ChildCallbacks callbacks;
  callbacks.on_tick = [&](double) {
    if (cancelled) return;
    try {
      context.progress(0, 1,
                       fmt::format("running {} ({} s)", spec.program.filename().string(), ticks++));
    } catch (...) {
      cancelled = std::current_exception();
      stop.request_stop();
    }
  };
  ChildResult result = run_child(spec, callbacks, stop.get_token());
  if (cancelled) std::rethrow_exception(cancelled);
  return result;
}

}  // namespace

std::vector<std::string> command_problems(const std::vector<std::string>& command) {
  if (command.empty()) return {"command is empty; give a program and its arguments"};
  std::vector<std::string> problems;
  for (const char* placeholder : {"{model}", "{out}"}) {
    if (!mentions(command, placeholder)) {
      problems.push_back(
          fmt::format("command never mentions {}; it must read the model from "
                      "{{model}} and write one to {{out}}",
                      placeholder));
    }
  }
  return problems;
}

fs::path run_compression_command(const std::vector<std::string>& command, const Json& settings,
                                 FitContext& context) {
  const fs::path folder = fs::absolute(context.scratch());
  const fs::path out = folder / "compressed", params = folder / "params.json";
  Json document = settings;
  document["seed"] = context.seed();
  write_file_atomically(params, document.dump(2) + "\n");
  std::vector<std::string> words = command;
  for (std::string& word : words) {
    replace_all(word, "{model}", fs::absolute(context.model_folder()).string());
    replace_all(word, "{out}", out.string());
    replace_all(word, "{params}", params.string());
  }
  ChildSpec spec;
  spec.program = find_program(words.front());
  spec.arguments.assign(words.begin() + 1, words.end());
  spec.environment = inherited_environment();
  spec.working_folder = folder;
  const ChildResult result = run(spec, context);
  if (result.signal != 0 || result.exit_code != 0 || !result.protocol_error.empty()) {
    const std::string& text = result.stderr_tail;
    throw CommandFailed(fmt::format(
        "external: '{}' {}; the end of its standard error:\n{}", join(words, " "),
        how_it_ended(result), text.substr(text.size() - std::min(text.size(), kShownOfStderr))));
  }
  if (!fs::is_directory(out)) {
    throw CommandFailed(fmt::format("external: '{}' ended well but wrote no folder {}",
                                    join(words, " "), out.string()));
  }
  return out;
}

}  // namespace assay
