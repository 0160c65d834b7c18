#include "harness/cli/debugging.h"

#include <fmt/format.h>

#include <cstdlib>
#include <fstream>
#include <vector>

#include "harness/base/files.h"
#include "harness/base/output.h"
#include "harness/cli/shell_word.h"
#include "harness/process/classify.h"
#include "harness/process/foreground.h"
#include "harness/runner/artefacts.h"
#include "harness/runner/plugins.h"
#include "harness/runner/requests.h"
#include "harness/runner/scratch.h"
#include "harness/runner/tools.h"

namespace assay {
namespace fs = std::filesystem;
namespace {

/// What is run, in words, and as a request.
struct Step {
  std::string what;
  WorkerRequest request;
};

Step first_step(const Plan& plan, const Catalogue& catalogue, const Cell& cell,
                const fs::path& scratch) {
  for (const FitJob* job : plan.jobs_for(cell.artefact_key)) {
    if (cached_artefact(job->key)) continue;
    Step step = {"fit of " + job_name(plan, *job),
                 fit_request(plan, catalogue, cell, *job, scratch)};
    step.request.artefact = (scratch / "artefact").string();  // not the one that runs find
    step.request.checkpoints.clear();
    return step;
  }
  WorkerRequest request = cell_request(plan, catalogue, cell, scratch);
  request.checkpoints.clear();  // what is looked for may be in what was scored before
  return {request.op == "time" ? "timed process" : "score", std::move(request)};
}

fs::path gdb_program() {
  if (const auto program = program_in_path("gdb")) return *program;
  throw UserError(
      "--gdb: there is no gdb in PATH; install it (apt-get install gdb), or use --debug");
}

std::string joined_words(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += shell_word(word) + " ";
  return text;
}

ForegroundSpec worker_spec(const fs::path& request, const fs::path& reply, bool under_gdb) {
  ForegroundSpec spec;
  spec.environment = worker_environment();
  spec.arguments = plugin_arguments();
  if (!under_gdb) {
    spec.program = worker_program();
    spec.input = request;
    spec.output = reply;
    return spec;
  }
  if (const char* terminal = std::getenv("TERM")) {
    spec.environment.push_back(std::string("TERM=") + terminal);
  }
  spec.program = gdb_program();
  const std::string redirected = fmt::format("run {} < '{}' > '{}'", joined_words(spec.arguments),
                                             request.string(), reply.string());
  spec.arguments = {"-q", worker_program().string(), "-ex", redirected};
  return spec;
}

WorkerReply read_reply(const fs::path& file) {
  ReplyReader reader;
  std::ifstream lines(file);
  try {
    for (std::string line; std::getline(lines, line);) reader.feed(line);
  } catch (const std::runtime_error& error) {
    print_error(fmt::format("its reply is malformed: {}", error.what()));
  }
  return reader.reply();
}

void print_reply(const WorkerReply& reply) {
  for (const WorkerReply::Event& event : reply.events) {
    print_out(fmt::format("{} {}: {}\n", event.level, event.code, event.text));
  }
  for (const MetricValue& metric : reply.metrics) {
    print_out(
        fmt::format("{} = {}\n", metric.tag,
                    metric.value ? fmt::format("{:.6g}", *metric.value) : metric.null_reason));
  }
  for (const Sample& sample : reply.samples) {
    print_out(fmt::format("{}[{}] = {:.6g}{}\n", sample.tag, sample.index, sample.value,
                          sample.warmup ? " (warm-up)" : ""));
  }
}

/// What a run would have stored.
OutcomeReason outcome_of(const ForegroundEnd& end, const WorkerReply& reply) {
  ChildResult result;
  result.exit_code = end.exit_code;
  result.signal = end.signal;
  return classify(result, reply, 0);
}

}  // namespace

ExitCode debug_cell(const Plan& plan, const Catalogue& catalogue, const Cell& cell,
                    bool under_gdb) {
  const std::string label = cell_label(plan, catalogue, cell);
  if (cell.unmet) {
    throw UserError(fmt::format("{} does not run: {}", label, cell.unmet->text));
  }
  const ScratchFolder scratch;
  const Step step = first_step(plan, catalogue, cell, scratch.path());
  const fs::path request = scratch.path() / "request.json", reply = scratch.path() / "reply.jsonl";
  write_file_atomically(request, to_json(step.request).dump() + "\n");
  print_error(
      fmt::format("{}: {}, request {}; nothing is stored", label, step.what, request.string()));
  const ForegroundEnd end = run_in_foreground(worker_spec(request, reply, under_gdb));
  const WorkerReply said = read_reply(reply);
  print_reply(said);
  // gdb ends well whatever it looked at.
  const OutcomeReason outcome = outcome_of(under_gdb ? ForegroundEnd{} : end, said);
  print_out(fmt::format("{}{}{}\n", outcome_name(outcome.outcome),
                        outcome.code.empty() ? "" : " (" + outcome.code + ")",
                        outcome.text.empty() ? "" : ": " + outcome.text));
  return outcome.outcome == Outcome::kOk ? ExitCode::kOk : ExitCode::kNotMeasured;
}

}  // namespace assay
