#pragma once
// A small made-up world for tests of the runner: a catalogue, a plan and a worker that only
// pretends. Internal to harness/runner.

#include <unistd.h>

#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "harness/base/clock.h"
#include "harness/base/files.h"
#include "harness/plan/plan.h"
#include "harness/runner/artefacts.h"
#include "harness/runner/launcher.h"
#include "harness/runner/progress.h"
#include "harness/runner/runner.h"
#include "harness/store/store.h"

namespace assay::testing_world {

/// A temporary folder that is ASSAY_HOME while it lives.
class Home {
 public:
  Home() : path_(std::filesystem::temp_directory_path() / ("assay-runner-" + new_uuid())) {
    std::filesystem::create_directories(path_);
    ::setenv("ASSAY_HOME", path_.c_str(), 1);
  }
  ~Home() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
    ::unsetenv("ASSAY_HOME");
  }
  Home(const Home&) = delete;
  Home& operator=(const Home&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline Catalogue small_catalogue() {
  Catalogue catalogue;
  MethodEntry dense;
  dense.name = "dense";
  MethodEntry prune;
  prune.name = "prune";
  prune.params = {{.name = "sparsity",
                   .type = ParamType::kReal,
                   .default_value = 0.5,
                   .help = "",
                   .unit = "",
                   .min = {},
                   .max = {},
                   .max_open = false,
                   .choices = {}}};
  catalogue.methods = {dense, prune};
  SuiteKindEntry quality;
  quality.name = "quality";
  quality.stage = "score";
  quality.metrics = {{"ppl", "", -1, "c", "perplexity"}};
  SuiteKindEntry speed;
  speed.name = "speed";
  speed.stage = "time";
  speed.metrics = {{"latency", "s", -1, "c", "latency"}};
  catalogue.suite_kinds = {quality, speed};
  ProfileEntry profile;
  profile.id = "cpu";
  profile.threads = 1;
  catalogue.profiles = {profile};
  return catalogue;
}

/// Methods dense and prune on one model; the suites by their kinds.
inline Plan small_plan(const std::vector<std::string>& kinds) {
  Plan plan;
  plan.experiment.name = "test";
  plan.experiment.processes_per_arm = 3;
  plan.experiment.methods.resize(2);
  plan.experiment.methods[0].id = "dense";
  plan.experiment.methods[1].id = "prune";
  plan.experiment.methods[1].params = {{"sparsity", 0.7}};
  plan.models.resize(1);
  plan.models[0].choice.id = "tiny";
  plan.models[0].folder = "/models/tiny";
  plan.models[0].hash = "model-hash";
  plan.experiment.models = {plan.models[0].choice};
  FitJob fit;
  fit.key = "artefact-key";
  fit.method = 1;
  plan.fits[fit.key] = fit;
  for (std::size_t s = 0; s < kinds.size(); ++s) {
    SuiteChoice suite;
    suite.id = kinds[s] + "-suite";
    suite.kind = kinds[s];
    plan.experiment.suites.push_back(suite);
    std::string dense_key;
    for (std::size_t m = 0; m < 2; ++m) {
      Cell cell;
      cell.ordinal = static_cast<std::int64_t>(plan.cells.size());
      cell.key_doc = {{"method", m}, {"suite", s}};
      cell.key = json_hash(cell.key_doc);
      if (m == 0) dense_key = cell.key;
      cell.twin_key = dense_key;
      cell.method = m;
      cell.suite = s;
      cell.profile = "cpu";
      if (m == 1) cell.artefact_key = fit.key;
      plan.cells.push_back(cell);
    }
  }
  return plan;
}

/// Answers as a worker would and keeps what it was asked.
class FakeLauncher : public WorkerLauncher {
 public:
  std::vector<std::string> asked;  ///< "fit prune", "score dense", ...
  std::vector<WorkerRequest> requests;
  std::vector<bool> held_alone;  ///< whether each hold kept everybody else off
  /// May change the answer.
  std::function<void(const WorkerRequest&, WorkerRun&)> on_run;

  WorkerRun run(const WorkerRequest& request, const WorkerLimits& /*limits*/,
                const WorkerProgress& /*progress*/) override {
    asked.push_back(request.op + " " + request.method);
    requests.push_back(request);
    WorkerRun result;
    result.process.pid = static_cast<std::int64_t>(asked.size());
    result.process.started_utc = result.process.ended_utc = utc_now();
    result.process.peak_rss_bytes = 1000;
    result.reply.environment = {{"torch", "fake"}};
    result.reply.complete = true;
    answer(request, result);
    if (on_run) on_run(request, result);
    return result;
  }
  std::unique_ptr<MachineHold> hold(
      const MachineUse& use, const std::function<void(const std::string&)>& /*say*/) override {
    held_alone.push_back(use.alone);
    return std::make_unique<MachineHold>();
  }

 private:
  static MetricValue value_of(const std::string& tag, double value) {
    MetricValue metric;
    metric.tag = tag;
    metric.value = value;
    metric.n = 1;
    return metric;
  }
  void answer(const WorkerRequest& request, WorkerRun& result) const {
    const double factor = request.method == "dense" ? 1 : 2;
    if (request.op == "fit") {
      write_file_atomically(request.artefact, "artefact");
      result.reply.metrics = {value_of("achieved_sparsity", 0.7)};
    } else if (request.op == "score") {
      result.reply.metrics = {value_of("ppl", 10 * factor)};
      result.reply.fingerprint = Fingerprint{{1, 2, factor}};
    } else {
      const auto turn = static_cast<double>(asked.size());
      result.reply.samples = {{"latency", 0, 100, true},
                              {"latency", 1, factor + turn / 100, false},
                              {"latency", 2, factor + turn / 100, false}};
      result.reply.fingerprint = Fingerprint{{1, 2, factor}};
    }
  }
};

class KeptProgress : public Progress {
 public:
  std::vector<std::string> steps;
  std::vector<std::pair<std::string, std::string>> lives;  ///< what is done, and what is left
  void step(const std::string& text) override { steps.push_back(text); }

 private:
  void show(const std::string& text, const Left& left) override {
    lives.emplace_back(text, left());
  }
};

}  // namespace assay::testing_world
