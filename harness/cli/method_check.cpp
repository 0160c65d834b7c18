#include "harness/cli/method_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "harness/base/errors.h"
#include "harness/base/text.h"
#include "harness/method/conformance_report.h"
#include "harness/process/child.h"
#include "harness/process/classify.h"
#include "harness/runner/plugins.h"
#include "harness/runner/scratch.h"
#include "harness/runner/tools.h"

namespace assay {
namespace {

/// A log is for what goes wrong.
constexpr std::int64_t kMostPrinted = std::int64_t{1} << 20;

/// What the worker's lines say.
class Listener {
 public:
  explicit Listener(MethodReport& report) : report_(report) {
    for (const ConformanceCheck check : conformance_checks()) {
      if (check == ConformanceCheck::kChain) continue;
      report_.checks.push_back({check_name(check), check_meaning(check), 0, {}});
    }
  }

  void take(const std::string& text) {
    const Json line = parse_json(text);
    const auto kind = line.at("t").get<std::string>();
    if (kind == "done") {
      report_.tried = line.at("tried").get<std::int64_t>();
      done_ = true;
      return;
    }
    const auto model = line.at("model").get<std::string>();
    if (kind == "begins") {
      now_ = model + ": " + line.at("subject").get<std::string>();
    } else if (kind == "checked") {
      add(line, model);
    } else {
      auto& texts = kind == "left_out" ? report_.left_out : report_.other;
      const std::string where = kind == "left_out" ? model : now_;
      texts.push_back(where + ": " + line.at("text").get<std::string>());
    }
  }
  [[nodiscard]] bool done() const { return done_; }
  /// Where it was when the last line came: "gated_decoder: random: case {...}".
  [[nodiscard]] const std::string& now() const { return now_; }

 private:
  void add(const Json& line, const std::string& model) {
    const auto name = line.at("check").get<std::string>();
    const auto row = std::ranges::find(report_.checks, name, &CheckRow::name);
    if (row == report_.checks.end()) throw UserError("unknown check '" + name + "'");
    if (!line.contains("problem")) {
      ++row->held;
      return;
    }
    row->problems.push_back(fmt::format("{}: {}: {}", model, line.at("subject").get<std::string>(),
                                        line.at("problem").get<std::string>()));
  }

  MethodReport& report_;
  std::string now_ = "before the first case";
  bool done_ = false;
};

ChildSpec child_for(const std::string& method, const std::filesystem::path& cases,
                    const CheckLimits& limits, const std::filesystem::path& scratch) {
  ChildSpec spec;
  spec.program = worker_program();
  spec.arguments = plugin_arguments();
  spec.arguments.insert(spec.arguments.end(),
                        {"--conformance", method, cases.empty() ? "-" : cases.string()});
  spec.environment = worker_environment();
  std::erase_if(spec.environment, [](const auto& one) { return one.starts_with("TMPDIR="); });
  spec.environment.push_back("TMPDIR=" + scratch.string());
  // Nothing is timed, and threads that wait in loops take the processor from the others.
  spec.environment.insert(spec.environment.end(), {"OMP_WAIT_POLICY=PASSIVE", "GOMP_SPINCOUNT=0"});
  spec.working_folder = scratch;
  spec.timeout_seconds = limits.timeout_s;
  spec.memory_limit_bytes = static_cast<std::int64_t>(limits.memory_bytes);
  return spec;
}

/// The worker's own refusal: cases that are none.
void require_begun(const ChildResult& result, const Listener& listener) {
  constexpr std::string_view kPrefix = "assay-worker: ";
  if (result.exit_code != static_cast<int>(ExitCode::kBadInput) || listener.done()) return;
  const std::size_t at = result.stderr_tail.rfind(kPrefix);
  if (at == std::string::npos) return;
  std::string text = result.stderr_tail.substr(at + kPrefix.size());
  while (!text.empty() && text.back() == '\n') text.pop_back();
  throw UserError(text);
}

/// How the process ended, where that was before its time.
void judge_end(const ChildResult& result, const CheckLimits& limits, const Listener& listener,
               MethodReport& report) {
  WorkerReply reply;
  reply.outcome = OutcomeReason{};
  reply.complete = listener.done();
  const OutcomeReason reason =
      classify(result, reply, static_cast<std::int64_t>(limits.memory_bytes));
  if (reason.outcome != Outcome::kOk) {
    report.other.push_back(fmt::format("{}: {} ({}): {}", listener.now(),
                                       outcome_name(reason.outcome), reason.code, reason.text));
  } else if (report.tried == 0 && report.other.empty()) {
    report.other.emplace_back("no kind of model meets what it asks, so nothing was tried");
  }
  if (result.stderr_bytes > kMostPrinted) {
    report.other.push_back(fmt::format("it printed {}, and a log of more than {} helps nobody",
                                       human_bytes(result.stderr_bytes),
                                       human_bytes(kMostPrinted)));
  }
}

}  // namespace

bool MethodReport::passed() const {
  return other.empty() &&
         std::ranges::all_of(checks, [](const CheckRow& row) { return row.problems.empty(); });
}

Json to_json(const MethodReport& report) {
  Json checks = Json::array();
  for (const CheckRow& row : report.checks) {
    checks.push_back({{"check", row.name},
                      {"meaning", row.meaning},
                      {"held", row.held},
                      {"problems", row.problems}});
  }
  return {{"method", report.method},     {"plugin", report.plugin},  {"passed", report.passed()},
          {"checks", std::move(checks)}, {"other", report.other},    {"left_out", report.left_out},
          {"tried", report.tried},       {"seconds", report.seconds}};
}

MethodReport check_method_in_worker(const std::string& method, const std::filesystem::path& cases,
                                    const CheckLimits& limits, std::stop_token stop) {
  MethodReport report;
  report.method = method;
  Listener listener(report);
  const ScratchFolder scratch;
  ChildCallbacks callbacks;
  callbacks.on_line = [&](const std::string& line) { listener.take(line); };
  const ChildResult result =
      run_child(child_for(method, cases, limits, scratch.path()), callbacks, std::move(stop));
  if (result.interrupted) throw Interrupted();
  require_begun(result, listener);
  report.seconds = result.wall_seconds;
  judge_end(result, limits, listener, report);
  return report;
}

}  // namespace assay
