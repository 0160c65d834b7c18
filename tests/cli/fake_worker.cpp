// Stands in for assay-worker where a test needs a certain death, or no LibTorch: it speaks the
// protocol and computes nothing. Parameters of the method `pretend` say how it ends.

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>
#include <string>
#include <thread>

#include "harness/base/files.h"
#include "harness/base/params.h"
#include "harness/protocol/protocol.h"

namespace {

using assay::Json;

Json parameter(const std::string& name, const std::string& type, const Json& fallback) {
  assay::ParamSpec spec;
  spec.name = name;
  spec.default_value = fallback;
  spec.help = "for tests";
  if (type == "share") {
    spec.min = 0;
    spec.max = 1;
    spec.max_open = true;
  } else if (type == "count") {
    spec.type = assay::ParamType::kInt;
    spec.unit = "tokens";
    spec.min = 1;
  } else if (type == "pattern") {
    spec.type = assay::ParamType::kPattern;
  } else {
    spec.type = assay::ParamType::kChoice;
    spec.choices = {"well",   "segv", "hang", "deaf",  "error",    "slow",
                    "slowly", "once", "idle", "badly", "complains"};
  }
  return to_json(spec);
}

Json method(const std::string& name, bool calibration, const Json& params, const Json& needs) {
  return {{"name", name},       {"summary", "pretends to be " + name},
          {"citation", ""},     {"artefact_version", 1},
          {"source_hash", "1"}, {"params", params},
          {"requires", needs},  {"needs", {{"calibration", calibration}}}};
}

Json suite(const std::string& name, const std::string& stage, const std::string& data,
           const Json& params, const std::string& metric, const std::string& unit) {
  const assay::Basis basis = unit == "s" ? assay::Basis::kMeasured : assay::Basis::kExact;
  const assay::MetricDef def{metric, unit, -1, "tests", "a made-up number", basis};
  return {{"name", name},
          {"summary", "pretends to measure " + name},
          {"stage", stage},
          {"data_format", data},
          {"needs_trained_weights", stage == "score"},
          {"params", params},
          {"metrics", Json::array({to_json(def)})}};
}

Json describe() {
  const Json pretend = Json::array({parameter("sparsity", "share", 0.5),
                                    parameter("pattern", "pattern", "unstructured"),
                                    parameter("ends", "choice", "well")});
  const Json gated = Json::array({{{"trait", "ffn.gated"}, {"op", "=="}, {"value", true}}});
  return {{"version", 1},
          {"methods",
           Json::array({method("dense", false, Json::array(), Json::array()),
                        method("gated", false, Json::array(), gated),
                        method("pretend", false, pretend, Json::array()),
                        method("folds", false, Json::array({parameter("fallback", "share", 0.0)}),
                               Json::array())})},
          {"suite_kinds",
           Json::array({suite("token_ppl", "score", "stream",
                              Json::array({parameter("window", "count", 16)}), "token_ppl", ""),
                        suite("classification", "score", "labelled",
                              Json::array({parameter("max_tokens", "count", 16)}), "acc", ""),
                        suite("decode", "time", "", Json::array({parameter("batch", "count", 1)}),
                              "decode/token_latency", "s")})},
          {"families", Json::array()},
          {"build", {{"torch", "none"}}}};
}

/// The folder ASSAY_HOME, two above the scratch folder.
std::filesystem::path home_of(const assay::WorkerRequest& request) {
  return std::filesystem::path(request.scratch).parent_path().parent_path();
}

/// One line for each request, so that a test can count what was done; short appends are atomic.
void keep_count(const assay::WorkerRequest& request) {
  std::ofstream(home_of(request) / "asked", std::ios::app)
      << (request.op + " " + request.method + " " + request.params.dump() + " " +
          request.suite_kind + request.suite_params.dump() + "\n")
      << std::flush;
}

/// Where the folder home/present is, it has a file of each request that is being answered, and
/// home/seen a line of each, of how many there were when it came.
class Presence {
 public:
  explicit Presence(const assay::WorkerRequest& request)
      : folder_(home_of(request) / "present"), own_(folder_ / std::to_string(::getpid())) {
    if (!std::filesystem::exists(folder_)) return;
    std::ofstream(own_) << request.op;
    const auto all = std::filesystem::directory_iterator(folder_);
    std::ofstream(home_of(request) / "seen", std::ios::app)
        << (request.op + " " + std::to_string(std::distance(begin(all), end(all))) + "\n")
        << std::flush;
  }
  ~Presence() {
    std::error_code ignored;
    std::filesystem::remove(own_, ignored);
  }
  Presence(const Presence&) = delete;
  Presence& operator=(const Presence&) = delete;

 private:
  std::filesystem::path folder_, own_;
};

/// Nobody scores or fits past the file home/gate.
void wait_at_gate(const assay::WorkerRequest& request) {
  while (request.op != "time" && std::filesystem::exists(home_of(request) / "gate")) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

/// Hangs the first time only: the marker beside the scratch folders remembers it.
void hang_once(const assay::WorkerRequest& request) {
  const auto marker = home_of(request) / "hangs";
  if (std::filesystem::exists(marker)) return;
  assay::write_file_atomically(marker, "");
  while (true) std::this_thread::sleep_for(std::chrono::seconds(1));
}

/// Works for a while; the file home/working says that it has begun, and names its parent.
void work_slowly(const assay::WorkerRequest& request) {
  const auto home = std::filesystem::path(request.scratch).parent_path().parent_path();
  assay::write_file_atomically(home / "working", std::to_string(::getppid()));
  std::this_thread::sleep_for(std::chrono::milliseconds(600));
}

/// Dies of its first score, and of no later one.
void die_once(const assay::WorkerRequest& request) {
  const auto marker = home_of(request) / "died";
  if (request.op != "score" || std::filesystem::exists(marker)) return;
  assay::write_file_atomically(marker, "");
  raise(SIGSEGV);
}

/// After an answer.
void end_between_requests(const assay::WorkerRequest& request, bool is_last) {
  const std::string ends = request.op == "score" ? request.params.value("ends", "well") : "well";
  if (ends == "idle") raise(SIGKILL);
  if (ends == "badly" && is_last) std::_Exit(7);
}

void end_as_asked(const assay::WorkerRequest& request) {
  const std::string ends = request.params.value("ends", "well");
  if (ends == "segv") raise(SIGSEGV);
  if (ends == "once") die_once(request);
  if (ends == "deaf") ::signal(SIGTERM, SIG_IGN);
  if (ends == "hang" || ends == "deaf") hang_once(request);
  if (ends == "slow") std::this_thread::sleep_for(std::chrono::milliseconds(400));
  if (ends == "slowly") work_slowly(request);
  if (ends == "error") {
    std::cerr << "this worker was asked to fail\n";
    std::exit(1);
  }
}

/// How much longer a time is: the file home/slowdown holds a factor and for how many more
/// processes.
double slowdown(const assay::WorkerRequest& request) {
  const auto file = home_of(request) / "slowdown";
  if (!std::filesystem::exists(file)) return 1;
  double factor = 1;
  int processes = 0;
  std::istringstream(assay::read_text_file(file)) >> factor >> processes;
  if (processes < 1) return 1;
  assay::write_file_atomically(file, std::to_string(factor) + " " + std::to_string(processes - 1));
  return factor;
}

/// A method that pays at small batches: as fast as dense at batch 5, or with a fallback of 0.4.
double share_of_dense(const assay::WorkerRequest& request) {
  if (request.method != "folds") return request.method == "dense" ? 1 : 1.5;
  return 0.5 + 0.1 * request.suite_params.value("batch", 1.0) +
         request.params.value("fallback", 0.0);
}

/// The file home/remarks holds warnings, a code and a text a line.
void remark(const assay::WorkerRequest& request, assay::ReplyWriter& writer) {
  const auto file = std::filesystem::path(request.scratch).parent_path().parent_path() / "remarks";
  if (!std::filesystem::exists(file)) return;
  std::istringstream lines(assay::read_text_file(file));
  std::string code, text;
  while (lines >> code && std::getline(lines >> std::ws, text)) {
    writer.event("warning", code, text);
  }
}

void answer(const assay::WorkerRequest& request, assay::ReplyWriter& writer) {
  remark(request, writer);
  const double factor = request.method == "dense" ? 1 : 1.5;
  if (request.params.value("ends", "well") == "complains" && request.op != "fit") {
    writer.event("error", "table_broken", "a table of the method did not fit");
  }
  if (request.op == "fit") {
    assay::write_file_atomically(request.artefact, "an artefact");
    return;
  }
  writer.fingerprint({{1, 2, factor}});
  if (request.op == "time") {
    writer.samples(
        {{"decode/token_latency", 0, 0.01 * share_of_dense(request) * slowdown(request), false}});
    return;
  }
  assay::MetricValue value;
  value.tag = "token_ppl";
  value.value = 20 * factor;
  value.n = 4;
  writer.metric(value);
}

/// A machine that computes 1 GFLOP/s and reads 1 GB/s.
void measure_machine(assay::ReplyWriter& writer) {
  for (const char* tag : {"machine/gemm", "machine/bandwidth", "machine/timer"}) {
    assay::MetricValue value;
    value.tag = tag;
    value.value = 1e9;
    writer.metric(value);
  }
}

void do_as_asked(const assay::WorkerRequest& request, assay::ReplyWriter& writer) {
  if (request.op == "machine") return measure_machine(writer);
  keep_count(request);
  const Presence presence(request);
  wait_at_gate(request);
  end_as_asked(request);
  answer(request, writer);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::string(argv[1]) == "--describe") {
    std::cout << describe().dump() << "\n";
    return 0;
  }
  for (std::string line; std::getline(std::cin, line);) {
    const assay::WorkerRequest request = assay::worker_request_from_json(Json::parse(line));
    assay::ReplyWriter writer(STDOUT_FILENO);
    writer.hello({{"torch", "none"}});
    do_as_asked(request, writer);
    writer.outcome({assay::Outcome::kOk, "", ""});
    writer.bye();
    end_between_requests(request, std::cin.peek() == EOF);
  }
  return 0;
}
