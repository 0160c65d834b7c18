#include "harness/worker/program.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <exception>
#include <iostream>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "harness/base/errors.h"
#include "harness/base/output.h"
#include "harness/measure/machine.h"
#include "harness/worker/check_method.h"
#include "harness/worker/describe.h"
#include "harness/worker/plugins.h"
#include "harness/worker/session.h"
#include "harness/worker/stop_flag.h"

namespace assay {
namespace {

constexpr const char* kUsage =
    "assay-worker: runs one request of assay; see `assay --help` for what people use\n"
    "  assay-worker --describe   methods, suite kinds and model families as JSON\n"
    "  assay-worker --version\n"
    "  assay-worker --conformance METHOD CASES   checks as JSON lines; CASES as conformance.json\n"
    "  assay-worker              reads requests (JSON, one a line) from standard input, answers in "
    "JSON lines\n"
    "  --plugin HASH FILE before any of these loads a plug-in; HASH is its SHA-256, or -\n";

/// Keeps the original standard output for the reply and points descriptor 1 at standard error, so
/// that what libraries print cannot corrupt the reply.
int take_standard_output() {
  const int reply = ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
  if (reply < 0 || ::dup2(STDERR_FILENO, STDOUT_FILENO) < 0) {
    throw std::system_error(errno, std::generic_category(), "cannot move standard output");
  }
  return reply;
}

WorkerRequest parse_request(const std::string& line) {
  try {
    return worker_request_from_json(parse_json(line));
  } catch (const JsonError& error) {
    throw UserError(std::string("standard input holds no request: ") + error.what());
  } catch (const Json::exception& error) {
    throw UserError(std::string("standard input holds no request: ") + error.what());
  }
}

/// One a line, answered in their order. What went wrong may have left anything behind, so whoever
/// asks more is to start another worker then.
void answer_requests(const RegisterParts& register_parts) {
  errors_instead_of_signals();
  const StopFlag& stop = stop_flag_of_process();
  const int output = take_standard_output();
  MethodRegistry methods;
  SuiteRegistry suites;
  register_parts(methods, suites);
  KeptModel kept;
  std::string line;
  if (!std::getline(std::cin, line)) throw UserError("standard input holds no request");
  do {
    ReplyWriter writer(output);
    const OutcomeReason outcome =
        serve(parse_request(line),
              {.methods = methods, .suites = suites, .writer = writer, .stop = stop, .kept = kept});
    if (outcome.outcome != Outcome::kOk) return;
  } while (std::getline(std::cin, line));
}

void print_description(const RegisterParts& register_parts, const LoadedPlugins& plugins) {
  MethodRegistry methods;
  SuiteRegistry suites;
  register_parts(methods, suites);
  std::cout << canonical_json(describe(methods, suites, plugins)) << '\n';
}

/// `cases`: a file as conformance.json; "-": what the plug-in carries.
void check_conformance_of(const std::string& name, const std::string& cases,
                          const RegisterParts& register_parts, const LoadedPlugins& plugins) {
  errors_instead_of_signals();
  const int reply = take_standard_output();
  MethodRegistry methods;
  SuiteRegistry suites;
  register_parts(methods, suites);
  const Method& method = methods.get(name);
  if (cases != "-") return check_method(method, read_json_file(cases), cases, reply);
  const auto part = plugins.methods.find(name);
  const Json carried = part == plugins.methods.end() ? Json() : part->second.conformance;
  check_method(method, carried, "conformance.json of method '" + name + "'", reply);
}

void run(int count, char** arguments, const RegisterParts& register_builtin_parts) {
  const std::vector<AskedPlugin> asked = take_plugin_arguments(count, arguments);
  LoadedPlugins plugins;
  const RegisterParts register_parts = [&](MethodRegistry& methods, SuiteRegistry& suites) {
    register_builtin_parts(methods, suites);
    plugins = load_plugins(asked, methods, suites);
  };
  if (count == 1) return answer_requests(register_parts);
  if (count == 4 && arguments[1] == std::string_view("--conformance")) {
    return check_conformance_of(arguments[2], arguments[3], register_parts, plugins);
  }
  const std::string_view option = count == 2 ? arguments[1] : "";
  if (option == "--describe") return print_description(register_parts, plugins);
  if (option == "--version") {
    std::cout << "assay-worker " << build_environment().at("version").get<std::string>() << '\n';
    return;
  }
  if (option == "--help" || option == "-h") {
    std::cout << kUsage;
    return;
  }
  throw UserError(std::string("unknown arguments\n") + kUsage);
}

}  // namespace

int run_worker_program(int count, char** arguments, const RegisterParts& register_parts) {
  try {
    run(count, arguments, register_parts);
    std::cout.flush();
    return std::cout ? 0 : static_cast<int>(ExitCode::kNotMeasured);
  } catch (const std::exception& error) {
    const auto code = exit_code_of_current_exception();
    std::fprintf(stderr, "assay-worker: %s\n", error.what());
    return static_cast<int>(code);
  }
}

}  // namespace assay
