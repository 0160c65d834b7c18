#pragma once
// A small database for the store's tests.

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "harness/base/clock.h"
#include "harness/store/store.h"

namespace assay {

class TemporaryFolder {
 public:
  TemporaryFolder()
      : path_(std::filesystem::temp_directory_path() / ("assay-store-" + new_uuid())) {
    std::filesystem::create_directories(path_);
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline PlannedCell make_cell(std::int64_t ordinal, const std::string& method,
                             const std::string& suite, const PlannedCell* twin = nullptr) {
  PlannedCell cell;
  cell.ordinal = ordinal;
  cell.key_doc = {{"schema", 1}, {"method", method}, {"suite", {{"id", suite}}}};
  cell.key = json_hash(cell.key_doc);
  cell.twin_key = twin == nullptr ? "" : twin->key;
  cell.method = method;
  cell.params_json = method == "dense" ? "{}" : R"({"sparsity":0.5})";
  cell.model_name = "tiny";
  cell.model_hash = "m0";
  cell.suite = suite;
  cell.suite_params_json = R"({"window":256})";
  cell.profile = "cpu";
  cell.seed = 0;
  return cell;
}

inline std::vector<MetricDef> test_metrics() {
  return {{"token_ppl", "", -1, "windows of 256", "perplexity by token", Basis::kExpMean, "own"},
          {"decode/token_latency", "s", -1, "batch 1", "time of one token", Basis::kMeasured}};
}

inline ProcessRecord make_process(const std::string& pass, int order = 0) {
  ProcessRecord process;
  process.pass = pass;
  process.order = order;
  process.pid = 4711;
  process.started_utc = "2026-01-02T03:04:05.000Z";
  process.ended_utc = "2026-01-02T03:04:06.000Z";
  return process;
}

inline WorkerReply reply_with(const std::string& tag, double value) {
  WorkerReply reply;
  reply.environment = {{"torch", "2.11.0"}};
  MetricValue metric;
  metric.tag = tag;
  metric.value = value;
  metric.lo = value - 1;
  metric.hi = value + 1;
  metric.n = 10;
  metric.interval_method = "normal";
  reply.metrics.push_back(metric);
  reply.complete = true;
  return reply;
}

/// One whole attempt with one process.
inline std::int64_t run_cell(Store& store, std::int64_t experiment, const PlannedCell& cell,
                             const std::string& session, const std::string& pass,
                             const WorkerReply& reply, Outcome outcome = Outcome::kOk) {
  const std::int64_t attempt = store.begin_attempt(experiment, cell.key, session);
  store.add_process(attempt, make_process(pass), reply, test_metrics());
  store.finish_attempt(attempt, {outcome, "", outcome == Outcome::kOk ? "" : "it did not work"});
  return attempt;
}

}  // namespace assay
