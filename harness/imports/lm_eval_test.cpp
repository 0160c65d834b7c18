// tests/data/imports/results_*.json and samples_*.jsonl were written by lm-evaluation-harness
// 0.4.13 with its dummy model, limit 10: a group of two tasks, a perplexity, and a task with two
// filters.

#include <gmock/gmock.h>

#include <cmath>

#include "harness/imports/import_fixture.h"
#include "harness/store/records.h"
#include "harness/store/report_records.h"

namespace assay {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kDate = "2026-12-01T04-43-50.679917";

class LmEvalImport : public ImportedTest {
 protected:
  static std::string results_name() { return std::string("results_") + kDate + ".json"; }
  static Json written() { return Json::parse(read_text_file(data(results_name()))); }
  /// A folder like the one that was written, to be changed.
  fs::path copied() const {
    for (const auto& file : fs::directory_iterator(data(""))) {
      if (file.path().filename().string().find(kDate) == std::string::npos) continue;
      fs::copy_file(file.path(), folder_.path() / file.path().filename(),
                    fs::copy_options::overwrite_existing);
    }
    return folder_.path() / results_name();
  }
  static std::string refusal(const fs::path& file) {
    try {
      (void)read_import(file);
    } catch (const UserError& error) {
      return error.what();
    }
    return "";
  }
  static Json changed(const char* pointer, const Json& value) {
    Json document = written();
    document[Json::json_pointer(pointer)] = value;
    return document;
  }
};

TEST_F(LmEvalImport, ReadsWhatTheHarnessWrites) {
  const ImportedFile file = read_import(data(results_name()));
  EXPECT_EQ(file.format(), "lm-eval");
  const ImportCounts counts = import(file);
  EXPECT_EQ(counts.cells, 4U) << "the group is none";
  EXPECT_EQ(counts.values, 8U);
  const Json results = written().at("results");
  const auto found = rows();
  const ResultRow& acc = found.at({"sums_b", "acc"});
  EXPECT_EQ(*acc.value, results.at("sums_b").at("acc,none").get<double>());
  EXPECT_EQ(acc.direction, 1);
  EXPECT_EQ(acc.n, 7);
  EXPECT_FALSE(acc.limited);
  EXPECT_EQ(acc.model, "dummy");
  EXPECT_EQ(acc.suite_params, R"({"limit":10.0,"num_fewshot":0,"version":1.0})");
  EXPECT_TRUE(found.at({"sums_a", "acc"}).limited) << "10 of 12";
  EXPECT_EQ(found.at({"words", "word_perplexity"}).direction, -1);
  EXPECT_THAT(found.at({"words", "word_perplexity"}).no_interval, HasSubstr("no standard error"));
  EXPECT_TRUE(found.contains({"gen", "exact_match,strict-match"}));
  EXPECT_TRUE(found.contains({"gen", "exact_match,flexible-extract"}));
}

TEST_F(LmEvalImport, StandardErrorsBecomeIntervals) {
  import(read_import(data(results_name())));
  const Json task = written().at("results").at("sums_a");
  const double error = task.at("acc_stderr,none").get<double>();
  const auto cells = store_.cell_records("published");
  const auto cell = std::ranges::find(cells, "sums_a", &CellRecord::suite);
  ASSERT_NE(cell, cells.end());
  const MetricValue& acc = cell->metrics.at(0).summary;
  EXPECT_EQ(acc.std_error, error);
  EXPECT_NEAR(*acc.hi - *acc.lo, 2 * 1.96 * error, 1e-4);
  EXPECT_NEAR((*acc.hi + *acc.lo) / 2, 0.5, 1e-12);
  const auto gen = rows().at({"gen", "exact_match,strict-match"});
  EXPECT_FALSE(gen.lo) << "an error of 0 is no certainty";
}

TEST_F(LmEvalImport, GroupsAreNoCellsAndAreSaid) {
  const ImportedFile file = read_import(data(results_name()));
  EXPECT_THAT(file.left_out(), Contains(HasSubstr("means of groups, which are made of the tasks: "
                                                  "sums")));
  Json without = written();
  without["results"].erase("sums_b");
  const ImportedFile half = read_import_text(without.dump(), "x.json");
  EXPECT_THAT(half.left_out(), Contains(HasSubstr("has no result of: sums_b")));
}

TEST_F(LmEvalImport, ItemsComeFromTheFilesBesideIt) {
  import(read_import(data(results_name())));
  for (const CellRecord& cell : store_.cell_records("published")) {
    EXPECT_EQ(cell.items.size(), static_cast<std::size_t>(cell.metrics.at(0).summary.n));
    if (cell.suite != "sums_a") continue;
    double right = 0;
    for (const ItemScore& item : cell.items) right += *item.correct ? 1 : 0;
    EXPECT_EQ(right / 10, 0.5);
    EXPECT_EQ(cell.items[0].item_hash.substr(0, 8), "f95b1274");
    EXPECT_TRUE(cell.items[0].values.contains("acc_norm"));
  }
}

TEST_F(LmEvalImport, ItemsOfAnotherRunAreRefused) {
  const fs::path file = copied();
  ASSERT_EQ(refusal(file), "");
  const fs::path items = folder_.path() / (std::string("samples_sums_a_") + kDate + ".jsonl");
  const std::string text = read_text_file(items);
  std::string other = text;
  other.replace(other.find("\"acc\": 0.0"), 10, "\"acc\": 1.0");
  write_file_atomically(items, other);
  EXPECT_THAT(refusal(file), AllOf(HasSubstr("samples_sums_a"), HasSubstr("mean acc of 0.6")));
  write_file_atomically(items, text.substr(0, text.find('\n') + 1));
  EXPECT_THAT(refusal(file), HasSubstr("holds 1 items, the results say 10"));
  write_file_atomically(items, text + text);
  EXPECT_THAT(refusal(file), HasSubstr(":11: repeats item 0 of filter none"));
  write_file_atomically(items, text + "{\"doc_id\": \n");
  EXPECT_THAT(refusal(file), HasSubstr(":11: not valid JSON"));
}

TEST_F(LmEvalImport, TheSameResultsWithItemsAreAnotherMeasurement) {
  const ImportedFile without = read_import_text(read_text_file(data(results_name())), "r.json");
  const ImportedFile with = read_import(data(results_name()));
  EXPECT_NE(without.content().cells[0].cell.key, with.content().cells[0].cell.key);
  import(with);
  import(with);
  EXPECT_EQ(store_.history("acc").size(), 2U) << "the same file again changes nothing";
}

TEST_F(LmEvalImport, RefusesWhatItDoesNotUnderstandWithThePlace) {
  EXPECT_THAT(problems(changed("/results/sums_a/acc,none", 1.5)),
              HasSubstr("x.json: results.sums_a.acc,none: value is 1.5; allowed: 0 to 1"));
  EXPECT_THAT(problems(changed("/results/sums_a/acc,none", Json::array())),
              HasSubstr("results.sums_a.acc,none: is []; allowed: a number"));
  EXPECT_THAT(problems(changed("/results/sums_a/acc", 0.5)),
              HasSubstr("results.sums_a.acc: is no METRIC,FILTER"));
  EXPECT_THAT(problems(changed("/results/sums_a/acc_stderr,none", -1)),
              HasSubstr("results.sums_a.acc_stderr,none: is -1; allowed"));
  EXPECT_THAT(problems(changed("/results/sums_a/f1_stderr,none", 0.1)),
              HasSubstr("standard error of a metric that is not there"));
  EXPECT_THAT(problems(changed("/n-samples/sums_a/effective", 13)), HasSubstr("n-samples.sums_a"));
  EXPECT_THAT(problems(changed("/higher_is_better/sums_a/acc", "yes")),
              HasSubstr("higher_is_better.sums_a.acc: is neither"));
  EXPECT_THAT(problems(changed("/results/sums_a", Json::object())), HasSubstr("has no metric"));
  const std::string line = written().dump();
  EXPECT_THAT(problems(line + "\n" + line + "\n"),
              HasSubstr("line 2: results.gen: repeats a task of the same model"));
}

TEST_F(LmEvalImport, WhatHasNoNumberIsAGap) {
  Json document = changed("/results/sums_a/acc,none", "N/A");
  document["results"]["sums_a"]["acc_norm,none"] = nullptr;
  EXPECT_EQ(import(document).gaps, 2U);
  const auto found = rows();
  EXPECT_FALSE(found.at({"sums_a", "acc"}).value);
  EXPECT_EQ(found.at({"sums_a", "acc"}).reason, "the file has \"N/A\" for it");
  EXPECT_EQ(found.at({"sums_a", "acc_norm"}).reason, "the file has null for it");
  std::string text = written().dump();
  text.replace(text.find("\"acc,none\":0.5") + 11, 3, "NaN");
  EXPECT_THAT(problems(text), HasSubstr("put null where there is no number"));
}

TEST_F(LmEvalImport, OlderFilesOfTheSameForm) {
  Json old = written();  // 0.4.0 to 0.4.2
  for (const char* key : {"higher_is_better", "n-samples", "model_name", "model_source"}) {
    old.erase(key);
  }
  old["config"]["model"] = "hf";
  old["config"]["model_args"] = "dtype=float16,pretrained=org/net,revision=main";
  for (Json& task : old["results"]) task.erase("sample_len");
  old["results"]["sums_a"]["samples"] = 10;
  import(old);
  const ResultRow acc = rows().at({"sums_a", "acc"});
  EXPECT_EQ(acc.model, "org/net");
  EXPECT_EQ(acc.method, "hf");
  EXPECT_THAT(acc.params, HasSubstr("dtype=float16"));
  EXPECT_EQ(acc.n, 10);
  EXPECT_TRUE(acc.limited) << "the file says a limit, and not of how many";
  EXPECT_EQ(acc.direction, 0) << "the file does not say what is better";
}

TEST_F(LmEvalImport, TextsOfNoFormatAreRefusedWithTheNamesOfAll) {
  EXPECT_THAT(problems(Json({{"a", 1}})), AllOf(HasSubstr("is of no format that can be imported"),
                                                HasSubstr("csv, google-benchmark, lm-eval")));
  EXPECT_THAT(problems("{}", "lm-evil"), HasSubstr("did you mean 'lm-eval'?"));
  EXPECT_THAT(problems("{}", "google-benchmark"), HasSubstr("is no output of Google Benchmark"));
  EXPECT_THAT(problems("[1]", "lm-eval"), HasSubstr("has no object \"results\""));
  EXPECT_THAT(problems(std::string(100'000, '[')), HasSubstr("more than 128 levels"));
}

}  // namespace
}  // namespace assay
