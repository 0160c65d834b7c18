// Times of the store, on databases that it fills itself: a line a figure. By hand, through
// scripts/bench_store; docs/results/store.md has what came out.

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "harness/base/clock.h"
#include "harness/store/database_check.h"
#include "harness/store/records.h"
#include "harness/store/store.h"

namespace assay {
namespace {

namespace fs = std::filesystem;

constexpr int kCells = 10000;
constexpr int kRounds = 5;

void say(const std::string& what, double value, const std::string& unit) {
  fmt::print("{}\t{:.4g}\t{}\n", what, value, unit);
  std::fflush(stdout);
}

/// Median of some rounds, in seconds.
double seconds_of(const std::function<void()>& work) {
  std::vector<double> seconds;
  for (int i = 0; i < kRounds; ++i) {
    const double start = monotonic_seconds();
    work();
    seconds.push_back(monotonic_seconds() - start);
  }
  std::sort(seconds.begin(), seconds.end());
  return seconds[kRounds / 2];
}

PlannedCell cell_of(int number, const std::string& twin) {
  PlannedCell cell;
  cell.ordinal = number;
  cell.method = number == 0 ? "dense" : "wanda";
  cell.key_doc = {{"method", cell.method}, {"number", number}};
  cell.key = json_hash(cell.key_doc);
  cell.twin_key = twin.empty() ? cell.key : twin;
  cell.params_json = fmt::format(R"({{"number":{}}})", number);
  cell.model_name = "made-up";
  cell.model_hash = "0";
  cell.suite = "decode";
  cell.suite_params_json = "{}";
  cell.profile = "cpu";
  return cell;
}

std::vector<PlannedCell> cells_of(int count) {
  std::vector<PlannedCell> cells;
  for (int i = 0; i < count; ++i) cells.push_back(cell_of(i, i == 0 ? "" : cells[0].key));
  return cells;
}

ProcessRecord process_of(int order) {
  ProcessRecord process;
  process.pass = "time";
  process.order = order;
  process.started_utc = process.ended_utc = "2026-01-02T03:04:05.000Z";
  process.wall_seconds = 1;
  return process;
}

WorkerReply reply_of(int samples, double level) {
  WorkerReply reply;
  reply.environment = {{"torch", "made-up"}};
  for (int i = 0; i < samples; ++i) {
    reply.samples.push_back({"decode/token_latency", i, level * (1 + 0.01 * (i % 7)), i < 2});
  }
  return reply;
}

/// Without a direction and a basis nothing would be judged.
const std::vector<MetricDef>& definitions() {
  static const std::vector<MetricDef> kMetrics = {
      {"decode/token_latency", "s", -1, "bench", "", Basis::kMeasured},
      {"decode/tokens_per_s", "tokens/s", 1, "bench", "", Basis::kMeasured},
      {"peak_rss", "B", -1, "bench", "", Basis::kMeasured},
      {"acc", "", 1, "bench", "", Basis::kMeasured}};
  return kMetrics;
}

std::vector<MetricValue> values_of(double level) {
  std::vector<MetricValue> values;
  for (const char* tag : {"decode/token_latency", "decode/tokens_per_s", "peak_rss", "acc"}) {
    MetricValue value;
    value.tag = tag;
    value.value = level;
    value.lo = level * 0.99;
    value.hi = level * 1.01;
    value.n = 5;
    values.push_back(value);
  }
  return values;
}

void fill(Store& store, const std::string& name, const std::vector<PlannedCell>& cells,
          int processes, int samples) {
  const auto experiment = store.add_experiment(name, {{"title", name}}, 0, false, cells);
  for (const PlannedCell& cell : cells) {
    const auto attempt = store.begin_attempt(experiment, cell.key, "session " + name);
    const double level = 1 + 1e-4 * static_cast<double>(cell.ordinal);
    for (int p = 0; p < processes; ++p) {
      store.add_process(attempt, process_of(p), reply_of(samples, level + 1e-3 * p), definitions());
    }
    store.add_metrics(attempt, values_of(level), definitions());
    store.finish_attempt(attempt, {});
  }
}

/// Rows that are in the file, one transaction a process of 1,000 samples.
void durable_samples(const fs::path& folder) {
  Store store = Store::open(folder / "rows.db");
  const auto cells = cells_of(1);
  const auto experiment = store.add_experiment("rows", Json::object(), 0, false, cells);
  const auto attempt = store.begin_attempt(experiment, cells[0].key, "s");
  constexpr int kProcesses = 400;
  constexpr int kSamples = 1000;
  const WorkerReply reply = reply_of(kSamples, 1);
  const double start = monotonic_seconds();
  for (int p = 0; p < kProcesses; ++p) store.add_process(attempt, process_of(p), reply, {});
  say("durable sample rows", kProcesses * kSamples / (monotonic_seconds() - start), "rows/s");
  const double finishing = monotonic_seconds();
  store.finish_attempt(attempt, {});
  say("ending an attempt of 400,000 samples, with its checksum", monotonic_seconds() - finishing,
      "s");
}

void ten_thousand_cells(const fs::path& folder) {
  const fs::path file = folder / "cells.db";
  const auto cells = cells_of(kCells);
  {
    Store store = Store::open(file);
    const double start = monotonic_seconds();
    fill(store, "cells", cells, 1, 20);
    say("bookkeeping of a cell (begin, one process, summaries, end)",
        (monotonic_seconds() - start) / kCells * 1e3, "ms");
  }
  say("resume scan of 10,000 cells", seconds_of([&] {
        Store store = Store::open(file);
        for (const PlannedCell& cell : cells) (void)store.final_outcome(cell.key);
      }),
      "s");
  say("view `results` over 10,000 cells, 4 metrics each",
      seconds_of([&] { (void)Store::open_read_only(file).results("cells"); }), "s");
  say("checksums of 10,000 cells, as reports verify them",
      seconds_of([&] { require_whole(file, "cells"); }), "s");
  say("db check of 10,000 cells", seconds_of([&] { (void)check_database(file); }), "s");
}

void a_million_samples(const fs::path& folder) {
  const fs::path file = folder / "million.db";
  const auto cells = cells_of(50);
  Store store = Store::open(file);
  for (const char* name : {"a", "b"}) fill(store, name, cells, 10, 1000);
  say("reading both sides of a comparison of two runs, 1,000,000 samples in the file",
      seconds_of([&] {
        const Store reader = Store::open_read_only(file);
        for (const char* name : {"a", "b"}) (void)reader.cell_records(name);
      }),
      "s");
  say("checksums of both", seconds_of([&] {
        for (const char* name : {"a", "b"}) require_whole(file, name);
      }),
      "s");
}

}  // namespace
}  // namespace assay

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: store_bench FOLDER\n", stderr);
    return 2;
  }
  const std::filesystem::path folder = argv[1];
  std::filesystem::create_directories(folder);
  assay::durable_samples(folder);
  assay::ten_thousand_cells(folder);
  assay::a_million_samples(folder);
  return 0;
}
