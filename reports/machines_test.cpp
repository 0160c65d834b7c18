#include "reports/machines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reports/report_fixture.h"

namespace assay {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

ResultRow timed(const std::string& method, const std::string& machine) {
  ResultRow result =
      with_meaning(row(method, "{}", "decode", "decode/token_latency", 0.03, 0.03), "s", -1);
  result.machine = machine;
  result.timed = true;
  return result;
}

ResultRow scored(const std::string& method, const std::string& machine) {
  ResultRow result = row(method, "{}", "ppl", "token_ppl", 17, 17);
  result.machine = machine;
  return result;
}

ExperimentResults results_of(std::vector<ResultRow> rows) {
  ExperimentResults results{.name = "e", .config = {}, .rows = std::move(rows), .environments = {}};
  results.machines = {{"aaa", "Fast, 2 cores"}, {"bbb", "Slow, 64 cores"}};
  return results;
}

TEST(Machines, OneMachineIsNamedOnceAndNothingIsRemarked) {
  const auto results = results_of({timed("dense", "aaa"), timed("wanda", "aaa")});
  EXPECT_THAT(machine_lines(results), ElementsAre("Times are of machine aaa: Fast, 2 cores."));
  EXPECT_THAT(machine_remarks(results), IsEmpty());
}

TEST(Machines, TimesOfSeveralAreRemarkedOnBesideEachCell) {
  const auto results =
      results_of({timed("dense", "aaa"), timed("wanda", "aaa"), timed("ria", "bbb")});
  EXPECT_THAT(machine_lines(results),
              ElementsAre("Times of 2 cells are of machine aaa: Fast, 2 cores.",
                          "Times of 1 cell are of machine bbb: Slow, 64 cores."));
  const std::vector<Remark> remarks = machine_remarks(results);
  ASSERT_THAT(remarks, SizeIs(3));
  EXPECT_EQ(remarks.back().cell_key, results.rows[2].cell_key);
  EXPECT_THAT(remarks.back().text, HasSubstr("bbb: Slow, 64 cores"));
}

TEST(Machines, ScoresMayComeFromAnywhere) {
  const auto results = results_of({timed("dense", "aaa"), scored("dense", "bbb")});
  EXPECT_THAT(machine_lines(results), SizeIs(1));
  EXPECT_THAT(machine_remarks(results), IsEmpty());
  EXPECT_THAT(machine_lines(results_of({scored("dense", "bbb")})), IsEmpty());
}

TEST(Machines, WhatWasMeasuredBeforeMachinesWereKeptSaysNothing) {
  EXPECT_THAT(machine_lines(results_of({timed("dense", "")})), IsEmpty());
}

}  // namespace
}  // namespace assay
