#include "harness/runner/tools.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <optional>
#include <sstream>
#include <string_view>
#include <utility>

#include "assay_build.h"
#include "harness/base/errors.h"
#include "harness/base/files.h"
#include "harness/base/hash_cache.h"
#include "harness/base/hashing.h"
#include "harness/process/child.h"
#include "harness/process/classify.h"
#include "harness/runner/plugins.h"

namespace assay {
namespace fs = std::filesystem;
namespace {

constexpr double kDescribeTimeoutSeconds = 120;
constexpr std::string_view kProgressStart = R"({"progress":)";

std::string last_line(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  const std::size_t newline = text.rfind('\n');
  return newline == std::string::npos ? text : text.substr(newline + 1);
}

fs::path python_folder() { return fs::absolute(share_folder() / "python"); }

/// Isolated (-I): the interpreter finds itself and its own packages, and neither the current
/// folder, nor the user's packages, nor what PYTHON* variables say. Our package is added by its
/// path, and nothing is written beside it (-B).
std::vector<std::string> isolated_python(const std::vector<std::string>& arguments) {
  constexpr const char* kStart =
      "import sys; sys.path.insert(0, sys.argv.pop(1)); "
      "from assay_tools.__main__ import main; sys.exit(main())";
  std::vector<std::string> command = {
      "-I", "-B", "-X", "utf8", "-c", kStart, python_folder().string()};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return command;
}

/// The caller's environment, because a download needs its proxies and certificates; what the
/// interpreter ignores is not left to programs that it starts either.
std::vector<std::string> python_environment() {
  std::vector<std::string> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string variable = *entry;
    if (!variable.starts_with("PYTHON")) variables.push_back(variable);
  }
  return variables;
}

std::string how_it_ended(const ChildResult& result) {
  if (result.signal != 0) return "was killed by " + signal_name(result.signal);
  if (result.timed_out) return "took too long";
  return fmt::format("ended with exit code {}", result.exit_code);
}

ChildResult run_for_lines(const ChildSpec& spec,
                          const std::function<void(const std::string&)>& on_line,
                          std::stop_token stop = {}) {
  ChildCallbacks callbacks;
  callbacks.on_line = on_line;
  return run_child(spec, callbacks, std::move(stop));
}

/// What the worker says of a plug-in that it does not load.
void refuse_plugins(const ChildResult& result) {
  constexpr std::string_view kPrefix = "assay-worker: ";
  if (used_plugins().empty() || result.timed_out) return;
  const std::string line = last_line(result.stderr_tail);
  if (result.signal == 0 && result.exit_code == static_cast<int>(ExitCode::kBadInput)) {
    throw UserError(line.starts_with(kPrefix) ? line.substr(kPrefix.size()) : line);
  }
  throw UserError(fmt::format("the worker {} while it loaded {}: {}", how_it_ended(result),
                              used_plugins().back().file.string(), line));
}

/// One entry a worker and set of plug-ins, by their content.
std::string description_kind() {
  const std::string kind = fmt::format("describe-{}", kAssayVersion);
  if (used_plugins().empty()) return kind;
  return fmt::format("{}-plugins-{}", kind, json_hash(plugin_arguments()).substr(0, 16));
}

Json ask_worker(const fs::path& worker) {
  ChildSpec spec;
  spec.program = worker;
  spec.arguments = plugin_arguments();
  spec.arguments.emplace_back("--describe");
  spec.environment = worker_environment();
  spec.timeout_seconds = kDescribeTimeoutSeconds;
  std::string text;
  const ChildResult result = run_for_lines(spec, [&](const auto& line) { text += line + "\n"; });
  if (result.exit_code != 0 || result.signal != 0 || result.timed_out) {
    refuse_plugins(result);
    throw MachineError(fmt::format("{} --describe {}: {}", worker.string(), how_it_ended(result),
                                   last_line(result.stderr_tail)));
  }
  try {
    return parse_json(text);
  } catch (const JsonError& error) {
    throw MachineError(
        fmt::format("{} --describe printed no JSON: {}", worker.string(), error.what()));
  }
}

[[noreturn]] void fail_tool(const ChildResult& result, const std::string& command) {
  constexpr std::string_view kPrefix = "assay_tools: ";
  std::string text = last_line(result.stderr_tail);
  if (text.starts_with(kPrefix)) text.erase(0, kPrefix.size());
  if (text.empty()) text = fmt::format("assay_tools {} {}", command, how_it_ended(result));
  if (result.signal == 0 && result.exit_code == static_cast<int>(ExitCode::kBadInput)) {
    throw UserError(text);
  }
  throw MachineError(text);
}

}  // namespace

std::optional<fs::path> program_in_path(const std::string& name) {
  std::istringstream folders(environment_or("PATH", "/usr/local/bin:/usr/bin:/bin"));
  for (std::string folder; std::getline(folders, folder, ':');) {
    const fs::path program = fs::path(folder) / name;
    if (folder.starts_with('/') && ::access(program.c_str(), X_OK) == 0) return program;
  }
  return std::nullopt;
}

fs::path worker_program() {
  const std::string named = environment_or("ASSAY_WORKER", "");
  const fs::path worker = named.empty() ? program_folder() / "assay-worker" : fs::path(named);
  std::error_code unknown;
  if (::access(worker.c_str(), X_OK) != 0 || fs::is_directory(worker, unknown)) {
    throw MachineError(fmt::format(
        "{}: no such program; build the target assay-worker, or set ASSAY_WORKER to its path",
        worker.string()));
  }
  return worker;
}

std::vector<std::string> worker_environment() {
  std::map<std::string, std::string> variables = {{"PATH", "/usr/local/bin:/usr/bin:/bin"},
                                                  {"LANG", "C.UTF-8"}};
  for (const char* name : {"PATH", "HOME", "TMPDIR", "ASSAY_HOME", "ASSAY_SHARE", "XDG_CACHE_HOME",
                           "CUDA_VISIBLE_DEVICES", "LD_LIBRARY_PATH", "ASAN_OPTIONS",
                           "UBSAN_OPTIONS", "LSAN_OPTIONS"}) {
    const std::string value = environment_or(name, "");
    if (!value.empty()) variables[name] = value;
  }
  std::vector<std::string> list;
  for (const auto& [name, value] : variables) list.push_back(fmt::format("{}={}", name, value));
  return list;
}

WorkerDescription describe_worker() {
  const fs::path worker = worker_program();
  const Json document = remembered_of_file(
      description_kind(), worker.string(), [&] { return file_identity(worker); },
      [&] {
        return Json{{"hash", sha256_file(worker)}, {"description", ask_worker(worker)}};
      });
  return {.document = document.at("description"), .hash = document.at("hash").get<std::string>()};
}

fs::path python_program() {
  const std::string named = environment_or("ASSAY_PYTHON", kDefaultPython);
  if (named.empty() || ::access(named.c_str(), X_OK) != 0) {
    throw MachineError(fmt::format(
        "{}the Python environment that prepares data and models is missing; run ./scripts/setup, "
        "or set ASSAY_PYTHON to a Python with the packages of requirements.txt",
        named.empty() ? "" : named + ": no such program; "));
  }
  return named;
}

Json run_python_tool(const std::vector<std::string>& arguments, std::stop_token stop,
                     const std::function<void(const Json&)>& on_progress) {
  ChildSpec spec;
  spec.program = fs::absolute(python_program());
  spec.arguments = isolated_python(arguments);
  // A library that is given a repository's name looks for a folder of that name first.
  spec.working_folder = "/";
  spec.environment = python_environment();
  std::string last;
  const auto take = [&](const std::string& line) {
    last = line;
    if (on_progress && line.starts_with(kProgressStart)) {
      on_progress(parse_json(line).at("progress"));
    }
  };
  const ChildResult result = run_for_lines(spec, take, std::move(stop));
  if (result.interrupted) throw Interrupted();
  if (result.exit_code != 0 || result.signal != 0) fail_tool(result, arguments.front());
  try {
    return parse_json(last);
  } catch (const JsonError&) {
    throw MachineError(fmt::format("assay_tools {} printed no result", arguments.front()));
  }
}

std::string python_tools_hash() {
  std::vector<fs::path> sources;
  const fs::path package = python_folder() / "assay_tools";
  std::error_code missing;
  for (const auto& entry : fs::recursive_directory_iterator(package, missing)) {
    if (entry.path().extension() == ".py") sources.push_back(entry.path());
  }
  std::sort(sources.begin(), sources.end());
  Sha256 hash;
  for (const fs::path& source : sources) {
    hash.update(fs::relative(source, package).string() + "\n" + sha256_file(source) + "\n");
  }
  return hash.hex();
}

}  // namespace assay
