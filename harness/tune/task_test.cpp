#include "harness/tune/task.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "harness/base/errors.h"
#include "harness/tune/tune_fixture.h"

namespace assay::tune {
namespace {

using testing::AllOf;
using testing::HasSubstr;

const std::vector<std::string> kQualities = {"token_ppl", "acc"};
const std::vector<std::string> kCosts = {"items_per_s"};

TaskQuery query() {
  TaskQuery query;
  query.over = {{"mux.instances", 1}, {"cofi.sparsity", 0}};
  return query;
}

std::vector<ResultRow> small_grid() {
  std::vector<ResultRow> rows;
  add_setting(rows, 1, 0, 0.85, 100, 0.02);
  add_setting(rows, 5, 0.8, 0.75, 700);
  add_setting(rows, 2, 0, 0.80, 190);
  return rows;
}

Task read(const std::vector<ResultRow>& rows, const TaskQuery& query) {
  return read_task(rows, query, kQualities, kCosts);
}

std::string refusal(const std::vector<ResultRow>& rows, const TaskQuery& query) {
  try {
    (void)read(rows, query);
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

TEST(TuneTask, CellsAreSettingsAtTheirPlaces) {
  const Task task = read(small_grid(), query());
  ASSERT_EQ(task.cells.size(), 3U);
  EXPECT_EQ(task.cells[0].at, (std::vector<double>{1, 0}));
  EXPECT_EQ(task.cells[1].at, (std::vector<double>{2, 0}));
  EXPECT_EQ(task.cells[2].at, (std::vector<double>{5, 0.8}));
  EXPECT_DOUBLE_EQ(task.cells[2].quality->inner, 75) << "points";
  EXPECT_DOUBLE_EQ(task.cells[2].gain->inner, std::log(700));
  EXPECT_NEAR(std::sqrt(task.cells[0].quality->variance), 2 / 1.96, 1e-3);
  EXPECT_EQ(task.cells[0].fit_seconds, 10);
  EXPECT_EQ(task.reference.method, "finetune");
  EXPECT_EQ(task.reference.quality->inner, 85);
  EXPECT_EQ(place_text(task.axes, task.cells[2].at), "mux.instances=5, cofi.sparsity=0.8");
}

TEST(TuneTask, SeedsOfASettingAreOneCell) {
  std::vector<ResultRow> rows = small_grid();
  ResultRow again = rows[0];
  again.seed = 1;
  again.value = 0.89;
  rows.push_back(again);
  const Task task = read(rows, query());
  ASSERT_EQ(task.cells.size(), 3U);
  EXPECT_DOUBLE_EQ(task.cells[0].quality->inner, 87);
  EXPECT_NEAR(task.cells[0].quality->variance, 8.0 / 2, 1e-9) << "the seeds are further apart";
}

TEST(TuneTask, TwoSettingsOfOnePlaceAreRefusedUntilOneIsLeftOut) {
  std::vector<ResultRow> rows = small_grid();
  rows.push_back(tune_row("mux", R"({"instances":2,"warm":0})", "acc", 0.5));
  for (ResultRow& row : rows) {
    if (row.method == "mux" && row.params == R"({"instances":2})") {
      row.params = R"({"instances":2,"warm":500})";
    }
  }
  EXPECT_THAT(refusal(rows, query()), AllOf(HasSubstr("mux.instances=2, cofi.sparsity=0"),
                                            HasSubstr("mux.warm 0 or 500"), HasSubstr("--where")));
  TaskQuery wanted = query();
  wanted.where = {"mux.warm=500"};
  const Task task = read(rows, wanted);
  EXPECT_EQ(task.cells.size(), 3U);
  EXPECT_EQ(task.left_out.size(), 1U);
  wanted.where = {"mux.cold=1"};
  EXPECT_THAT(refusal(rows, wanted), HasSubstr("no setting has this parameter"));
  wanted.where = {"mux"};
  EXPECT_THAT(refusal(rows, wanted), HasSubstr("METHOD.PARAMETER=VALUE"));
}

TEST(TuneTask, RefusesWhatItCannotChooseAndSaysWhatThereIs) {
  std::vector<ResultRow> rows = small_grid();
  TaskQuery one = query();
  one.quality = "perplexity";
  EXPECT_THAT(refusal(rows, one), AllOf(HasSubstr("--quality"), HasSubstr("sst2/acc")));
  one = query();
  one.model = "large";
  EXPECT_THAT(refusal(rows, one), AllOf(HasSubstr("--model large"), HasSubstr("tiny")));
  one = query();
  one.reference = "dense";
  EXPECT_THAT(refusal(rows, one), AllOf(HasSubstr("--reference"), HasSubstr("finetune")));
  rows.push_back(tune_row("distilled", "{}", "acc", 0.9));
  EXPECT_THAT(refusal(rows, query()), AllOf(HasSubstr("distilled"), HasSubstr("finetune")));
  rows.pop_back();
  rows.back().model = "other";
  EXPECT_THAT(refusal(rows, query()), HasSubstr("--model: give one of other, tiny"));
}

TEST(TuneTask, ValuesOfSeveralSuitesConventionsOrMachinesAreNotMixed) {
  std::vector<ResultRow> rows = small_grid();
  rows.push_back(rows[0]);
  rows.back().suite = "mnli";
  EXPECT_THAT(refusal(rows, query()), AllOf(HasSubstr("sst2/acc"), HasSubstr("mnli/acc")));
  TaskQuery one = query();
  one.quality = "sst2/acc";
  EXPECT_EQ(read(rows, one).cells.size(), 3U);
  rows = small_grid();
  rows[0].suite_params = R"({"limit":10})";
  EXPECT_THAT(refusal(rows, query()), HasSubstr("measured in several ways"));
  rows = small_grid();
  for (ResultRow& row : rows) row.timed = row.metric == "items_per_s";
  rows[1].machine = "another";
  EXPECT_THAT(refusal(rows, query()), HasSubstr("'another'"));
}

TEST(TuneTask, OtherMethodsOfTheDatabaseAreLeftOutBesideTheDenseReference) {
  std::vector<ResultRow> rows = small_grid();
  for (const char* method : {"dense", "ria"}) {
    rows.push_back(tune_row(method, "{}", "acc", 0.86));
    rows.back().cell_key = method;
  }
  const Task task = read(rows, query());
  EXPECT_EQ(task.reference.method, "dense");
  ASSERT_EQ(task.cells.size(), 3U);
  EXPECT_EQ(task.cells[0].method, "dense");
  EXPECT_THAT(task.left_out, testing::UnorderedElementsAre("finetune", "ria"));
}

TEST(TuneTask, SettingsOutsideOfTheAxesAreLeftOutAndNamed) {
  std::vector<ResultRow> rows = small_grid();
  TaskQuery one = query();
  one.over[1].without.reset();
  const Task task = read(rows, one);
  EXPECT_EQ(task.cells.size(), 1U);
  EXPECT_THAT(task.left_out, testing::UnorderedElementsAre("finetune", "mux"));
  EXPECT_EQ(task.reference.method, "finetune") << "known, though it is not on the axes";
}

TEST(TuneScale, SharesGoByPointsAndOthersByRatios) {
  const Scale points(Basis::kShare, 1), ppl(Basis::kExpMean, -1), speed(Basis::kMeasured, 1);
  EXPECT_DOUBLE_EQ(points.allowed(3), 3);
  EXPECT_DOUBLE_EQ(points.value(*points.inner(0.8)), 0.8);
  EXPECT_DOUBLE_EQ(ppl.value(*ppl.inner(12) - ppl.allowed(5)), 12 * 1.05);
  EXPECT_NEAR(speed.value(*speed.inner(100) - speed.allowed(5)), 95, 1e-9);
  EXPECT_GT(*ppl.inner(10), *ppl.inner(11)) << "more is better";
  EXPECT_FALSE(ppl.inner(0).has_value());
}

}  // namespace
}  // namespace assay::tune
