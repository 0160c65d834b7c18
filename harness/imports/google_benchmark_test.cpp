// tests/data/imports/google_benchmark.json was written by Google Benchmark 1.9.5: three repetitions
// of two benchmarks, of one that fails, and of a family with a fit of its complexity.

#include <gmock/gmock.h>

#include <algorithm>
#include <vector>

#include "harness/imports/import_fixture.h"
#include "harness/store/report_records.h"

namespace assay {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

class GoogleBenchmark : public ImportedTest {
 protected:
  static Json written() { return Json::parse(read_text_file(data("google_benchmark.json"))); }
  /// Real times of the repetitions of a benchmark as the file has them.
  static std::vector<double> real_times(const std::string& name) {
    std::vector<double> times;
    const Json document = written();
    for (const Json& entry : document.at("benchmarks")) {
      if (entry.at("run_name") == name && entry.at("run_type") == "iteration") {
        times.push_back(entry.at("real_time").get<double>());
      }
    }
    return times;
  }
  static Json entry(const std::string& name, double real_time, int index = 0) {
    return {{"name", name},      {"run_name", name},          {"run_type", "iteration"},
            {"repetitions", 1},  {"repetition_index", index}, {"threads", 1},
            {"iterations", 100}, {"real_time", real_time},    {"cpu_time", real_time},
            {"time_unit", "ms"}};
  }
  static Json document(const std::vector<Json>& entries) {
    return {{"context", {{"executable", "./bench"}}}, {"benchmarks", entries}};
  }
};

TEST_F(GoogleBenchmark, ReadsWhatTheLibraryWrites) {
  const ImportedFile file = read_import(data("google_benchmark.json"));
  EXPECT_EQ(file.format(), "google-benchmark");
  EXPECT_EQ(import(file).cells, 6U);
  const auto found = rows();
  const ResultRow& sum = found.at({"sum_million", "real_time"});
  std::vector<double> times = real_times("sum_million");
  std::ranges::sort(times);
  ASSERT_EQ(times.size(), 3U);
  EXPECT_DOUBLE_EQ(*sum.value, times[1] * 1e-6) << "the median, out of microseconds";
  EXPECT_EQ(sum.unit, "s");
  EXPECT_EQ(sum.direction, -1);
  EXPECT_EQ(sum.n, 3);
  EXPECT_EQ(sum.model, "b.py");
  EXPECT_EQ(sum.profile, "imported");
  EXPECT_THAT(sum.no_interval, HasSubstr("repetitions of one process"));
  const ResultRow& rate = found.at({"with_counters", "items_per_second"});
  EXPECT_EQ(rate.unit, "items/s");
  EXPECT_EQ(rate.direction, 1);
  EXPECT_EQ(*found.at({"with_counters", "foo"}).value, 2);
  EXPECT_EQ(found.at({"with_counters", "foo"}).direction, 0) << "nobody said what is better";
  EXPECT_TRUE(found.contains({"renamed/n:512", "cpu_time"}));
}

TEST_F(GoogleBenchmark, RepetitionsAreSamplesOfOneProcess) {
  import(read_import(data("google_benchmark.json")));
  std::vector<double> expected = real_times("renamed/n:64");
  for (double& time : expected) time *= 1e-9;
  bool seen = false;
  const std::string key = rows().at({"renamed/n:64", "real_time"}).cell_key;
  for (const TimedSeries& series : store_.timed_series("published")) {
    if (series.cell_key != key || series.metric != "real_time") continue;
    seen = true;
    ASSERT_EQ(series.processes.size(), 1U);
    EXPECT_EQ(series.processes[0].values, expected);
  }
  EXPECT_TRUE(seen);
  EXPECT_FALSE(store_.harness_overhead("published")) << "no process of ours";
}

TEST_F(GoogleBenchmark, WhatFailsInPartIsNoResult) {
  const ImportedFile file = read_import(data("google_benchmark.json"));
  import(file);
  for (const ResultRow& row : store_.results("published")) {
    if (row.suite != "skipped") continue;
    EXPECT_EQ(row.status, "CRASHED");
    EXPECT_EQ(row.reason, "3 of 3 repetitions failed: some error");
  }
  Json failed = entry("BM_a", 1, 1);
  failed["error_occurred"] = true;
  failed["error_message"] = "too small";
  Json fine = entry("BM_a", 1);
  fine["repetitions"] = failed["repetitions"] = 2;
  Store other = Store::open(folder_.path() / "o.db");
  (void)store_import(other, read_import_text(document({fine, failed}).dump(), "x.json"), "e");
  const auto rows = other.results("e");
  ASSERT_EQ(rows.size(), 1U) << "one of two is no median";
  EXPECT_EQ(rows[0].reason, "1 of 2 repetitions failed: too small");
}

TEST_F(GoogleBenchmark, AggregatesAndFitsAreLeftOutAndSaid) {
  const ImportedFile file = read_import(data("google_benchmark.json"));
  EXPECT_THAT(file.left_out(), ElementsAre(HasSubstr("20 aggregates, which were computed"),
                                           HasSubstr("2 fits of complexity")));
  Json mean = entry("BM_a_mean", 1);
  mean["run_name"] = "BM_a";
  mean["run_type"] = "aggregate";
  mean["aggregate_name"] = "mean";
  EXPECT_THAT(problems(document({mean})), HasSubstr("aggregates and no repetitions"));
  mean.erase("run_type");
  EXPECT_THAT(problems(document({mean})), HasSubstr("has no run_type, and may be an aggregate"));
}

TEST_F(GoogleBenchmark, TimesAreSecondsWhateverTheirUnit) {
  std::vector<Json> entries;
  for (const char* unit : {"ns", "us", "ms", "s"}) {
    entries.push_back(entry(std::string("BM_") + unit, 3));
    entries.back()["time_unit"] = unit;
  }
  import(document(entries));
  const auto found = rows();
  EXPECT_DOUBLE_EQ(*found.at({"BM_ns", "real_time"}).value, 3e-9);
  EXPECT_DOUBLE_EQ(*found.at({"BM_us", "real_time"}).value, 3e-6);
  EXPECT_DOUBLE_EQ(*found.at({"BM_ms", "real_time"}).value, 3e-3);
  EXPECT_DOUBLE_EQ(*found.at({"BM_s", "cpu_time"}).value, 3);
}

TEST_F(GoogleBenchmark, RefusesWhatItDoesNotUnderstandWithThePlace) {
  const auto changed = [](const char* key, const Json& value) {
    Json one = entry("BM_a", 1);
    one[key] = value;
    return problems(document({entry("BM_b", 1), one}));
  };
  EXPECT_THAT(changed("time_unit", "h"),
              HasSubstr("x.json: benchmarks[1] ('BM_a'): time_unit is \"h\"; allowed: \"ns\""));
  EXPECT_THAT(changed("real_time", "1"), HasSubstr("real_time = \"1\" is no number"));
  EXPECT_THAT(changed("real_time", -1), HasSubstr("real_time: value is -0.001; allowed: 0"));
  EXPECT_THAT(changed("speed", "high"), HasSubstr("'speed' is no number, and no key"));
  EXPECT_THAT(changed("run_type", "warmup"), HasSubstr("run_type is 'warmup'; allowed"));
  EXPECT_THAT(changed("repetition_index", -1), HasSubstr("repetition_index = -1; allowed"));
  EXPECT_THAT(changed("repetitions", 3), HasSubstr("1 of 3 repetitions are in the file"));
  EXPECT_THAT(changed("name", 7), HasSubstr("benchmarks[1]: has no name"));
  EXPECT_THAT(problems(document({entry("BM_a", 1), entry("BM_a", 2)})),
              HasSubstr("repeats repetition 0 of the same benchmark"));
  EXPECT_THAT(problems(document({Json(3)})), HasSubstr("benchmarks[0]: is no object"));
  EXPECT_THAT(problems(document({})), HasSubstr("holds no benchmark"));
}

TEST_F(GoogleBenchmark, NumbersThatAreNoneAreNamedWithTheirLine) {
  std::string text = document({entry("BM_a", 1)}).dump(1);
  const std::size_t at = text.find("\"real_time\": 1");
  ASSERT_NE(at, std::string::npos);
  const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<long>(at), '\n');
  for (const char* word : {"NaN", "Infinity", "-Infinity"}) {
    std::string broken = text;
    broken.replace(at + 13, 3, word);
    EXPECT_THAT(problems(broken), AllOf(HasSubstr("x.json:" + std::to_string(line) + ": "),
                                        HasSubstr("put null where there is no number")));
  }
  // What is written while the program still runs, or was when it was killed.
  EXPECT_THAT(problems(text.substr(0, text.size() - 3)), HasSubstr("not valid JSON"));
}

TEST_F(GoogleBenchmark, ADebugBuildIsSaidBesideEachResult) {
  Json one = document({entry("BM_a", 1)});
  one["context"]["library_build_type"] = "debug";
  one["context"]["cpu_scaling_enabled"] = true;
  import(one);
  std::vector<std::string> codes;
  for (const Remark& remark : store_.remarks("published")) codes.push_back(remark.code);
  EXPECT_THAT(codes, ElementsAre("machine_debug_build", "machine_cpu_scaling"));
}

TEST_F(GoogleBenchmark, KeepsTheFileThatItCameFrom) {
  import(document({entry("BM_a", 1)}));
  const auto from = store_.imported_from("published");
  ASSERT_EQ(from.size(), 1U);
  EXPECT_THAT(from.begin()->second, HasSubstr("x.json ("));
  EXPECT_EQ(store_.experiment_config("published").at("imported").at("says").at("executable"),
            "./bench");
}

}  // namespace
}  // namespace assay
