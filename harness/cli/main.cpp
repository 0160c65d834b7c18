// The program `assay`: reads the command line, runs one command, turns errors into exit codes.

#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <array>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "assay_build.h"
#include "harness/base/display.h"
#include "harness/base/errors.h"
#include "harness/base/files.h"
#include "harness/base/output.h"
#include "harness/base/text.h"
#include "harness/cli/commands.h"

namespace assay {
namespace {

std::vector<std::string> command_names(const CLI::App& program) {
  std::vector<std::string> names;
  for (const CLI::App* command : program.get_subcommands({})) names.push_back(command->get_name());
  return names;
}

/// CLI11 only says that something is not expected; say what may have been meant.
void refuse_unknown_command(const CLI::App& program, const std::string& prefix,
                            const char* const* words, const char* const* end) {
  const auto names = command_names(program);
  if (names.empty() || words == end || **words == '-') return;
  for (const std::string& name : names) {
    if (name == *words) {
      refuse_unknown_command(*program.get_subcommand(name), prefix + name + " ", words + 1, end);
      return;
    }
  }
  throw UserError(
      fmt::format("{}; see: {}--help", unknown_name_message("command", *words, names), prefix));
}

constexpr std::array kPathVariables = {"ASSAY_HOME",     "ASSAY_DATA",   "ASSAY_MODELS",
                                       "ASSAY_SHARE",    "ASSAY_PYTHON", "ASSAY_WORKER",
                                       "XDG_CACHE_HOME", "HOME",         "TMPDIR",
                                       "HF_HOME",        "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE",
                                       "HF_TOKEN_PATH"};

/// Children run in folders of their own, and must find what the variables name all the same.
void make_paths_absolute() {
  for (const char* name : kPathVariables) {
    const std::filesystem::path path = environment_or(name, "");
    // huggingface_hub takes "~" for the home folder.
    const bool of_hub = std::string_view(name).starts_with("H") && path.string().starts_with("~");
    if (path.is_relative() && !path.empty() && !of_hub) {
      ::setenv(name, std::filesystem::absolute(path).c_str(), 1);
    }
  }
}

/// Names and paths become part of documents, which are UTF-8.
void require_utf8(const std::string& what, const std::string& text) {
  if (is_utf8(text)) return;
  throw UserError(
      fmt::format("{} {}: is not UTF-8; rename the file or folder, or give another name", what,
                  quoted_name(text)));
}

void check_texts(int argc, const char* const* argv) {
  for (int i = 1; i < argc; ++i) require_utf8("argument", argv[i]);
  std::error_code removed;
  require_utf8("the current folder", std::filesystem::current_path(removed).string());
  for (const char* name : kPathVariables) require_utf8(name, environment_or(name, ""));
}

int fail(const std::exception& error) {
  const ExitCode code = exit_code_of_current_exception();
  print_error(fmt::format("assay: {}\n", error.what()));
  if (code == ExitCode::kBug) {
    print_error(
        fmt::format("assay: this is a bug in assay {}; please report it with the command line\n",
                    kAssayVersion));
  }
  return static_cast<int>(code);
}

/// Help is asked for by an exception too, with exit code 0.
ExitCode explain(const CLI::App& program, const CLI::ParseError& error) {
  std::ostringstream out;
  std::ostringstream err;
  const int code = program.exit(error, out, err);
  print_error(err.str());
  print_out(out.str());
  return code == 0 ? ExitCode::kOk : ExitCode::kBadInput;
}

ExitCode run_command(int argc, const char* const* argv) {
  CLI::App program(
      "Benchmarks compression methods of transformers: accuracy and time in one record.", "assay");
  CommandResult result;
  program.require_subcommand(1);
  program.footer(
      "Example:\n  assay run experiments/quickstart.toml\n"
      "  assay run --model smollm2-135m --method wanda:sparsity=0.5 --suite news-ppl");
  add_commands(program, result);
  refuse_unknown_command(program, "assay ", argv + 1, argv + argc);
  try {
    program.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return explain(program, error);
  }
  return result.code;
}

int run(int argc, const char* const* argv) {
  try {
    check_texts(argc, argv);
    make_paths_absolute();
    const ExitCode code = run_command(argc, argv);
    close_output();
    return static_cast<int>(code);
  } catch (const std::exception& error) {
    return fail(error);
  }
}

}  // namespace
}  // namespace assay

int main(int argc, char** argv) {
  assay::guard_standard_descriptors();
  assay::errors_instead_of_signals();
  return assay::run(argc, argv);
}
