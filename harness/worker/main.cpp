// assay-worker: does one request and ends. Started by `assay`; not meant to be typed.

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <exception>
#include <iostream>
#include <iterator>
#include <string>
#include <string_view>
#include <system_error>

#include "harness/base/errors.h"
#include "harness/measure/machine.h"
#include "harness/worker/describe.h"
#include "harness/worker/session.h"
#include "harness/worker/stop_flag.h"

namespace {

constexpr const char* kUsage =
    "assay-worker: runs one request of assay; see `assay --help` for what people use\n"
    "  assay-worker --describe   methods, suite kinds and model families as JSON\n"
    "  assay-worker --version\n"
    "  assay-worker              reads a request (JSON) from standard input, answers in JSON "
    "lines\n";

/// Keeps the original standard output for the reply and points descriptor 1 at standard error, so
/// that what libraries print cannot corrupt the reply.
int take_standard_output() {
  const int reply = ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
  if (reply < 0 || ::dup2(STDERR_FILENO, STDOUT_FILENO) < 0) {
    throw std::system_error(errno, std::generic_category(), "cannot move standard output");
  }
  return reply;
}

assay::Json read_request() {
  const std::string text((std::istreambuf_iterator<char>(std::cin)), {});
  try {
    return assay::Json::parse(text);
  } catch (const assay::Json::exception& error) {
    throw assay::UserError(std::string("standard input holds no request: ") + error.what());
  }
}

void answer_request() {
  ::signal(SIGPIPE, SIG_IGN);
  const assay::StopFlag& stop = assay::stop_flag_of_process();
  assay::ReplyWriter writer(take_standard_output());
  const assay::WorkerRequest request = assay::worker_request_from_json(read_request());
  assay::MethodRegistry methods;
  assay::register_builtin_methods(methods);
  assay::SuiteRegistry suites;
  assay::register_builtin_suites(suites);
  assay::serve(request, {.methods = methods, .suites = suites, .writer = writer, .stop = stop});
}

void print_description() {
  assay::MethodRegistry methods;
  assay::register_builtin_methods(methods);
  assay::SuiteRegistry suites;
  assay::register_builtin_suites(suites);
  std::cout << assay::canonical_json(assay::describe(methods, suites)) << '\n';
}

void run(int count, char** arguments) {
  if (count == 1) return answer_request();
  const std::string_view option = count == 2 ? arguments[1] : "";
  if (option == "--describe") return print_description();
  if (option == "--version") {
    std::cout << "assay-worker " << assay::build_environment().at("version").get<std::string>()
              << '\n';
    return;
  }
  if (option == "--help" || option == "-h") {
    std::cout << kUsage;
    return;
  }
  throw assay::UserError(std::string("unknown arguments\n") + kUsage);
}

}  // namespace

int main(int count, char** arguments) {
  try {
    run(count, arguments);
    std::cout.flush();
    return std::cout ? 0 : static_cast<int>(assay::ExitCode::kNotMeasured);
  } catch (const std::exception& error) {
    const auto code = assay::exit_code_of_current_exception();
    std::fprintf(stderr, "assay-worker: %s\n", error.what());
    return static_cast<int>(code);
  }
}
