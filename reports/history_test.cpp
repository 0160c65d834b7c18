// A metric over commits, and series in one line.

#include "reports/history.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/base/errors.h"
#include "harness/store/store_fixture.h"
#include "reports/report_fixture.h"
#include "reports/sparkline.h"

namespace assay {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

TEST(Sparkline, GoesFromTheLeastToTheMost) {
  EXPECT_EQ(sparkline(std::vector<double>{0, 7, 3.5}), "▁█▅");
  EXPECT_EQ(sparkline(std::vector<double>{2, 2}), "▄▄");
  EXPECT_EQ(sparkline(std::vector<double>{5, 1, 2}, 2), "…▁█");
  EXPECT_EQ(sparkline(std::vector<double>{}), "");
}

/// Baselines of one cell, one a value.
void save_baselines(const std::filesystem::path& folder, const std::vector<double>& values) {
  Store baselines = Store::open(folder / "baselines.db");
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto path = folder / ("run" + std::to_string(i) + ".db");
    Store store = Store::open(path);
    const PlannedCell dense = make_cell(0, "dense", "news-ppl");
    const std::int64_t id = store.add_experiment("e", {{"title", "E"}}, 0, false, {dense});
    run_cell(store, id, dense, "session", "score", reply_with("token_ppl", values[i]));
    baselines.save_baseline(path, "e", "main", "c0ffee" + std::to_string(i), false);
  }
}

TEST(History, FindsTheStepAndNamesTheCommit) {
  const TemporaryFolder folder;
  save_baselines(folder.path(), {20, 20.1, 19.9, 20, 20.05, 25, 25.1, 24.9, 25, 25.02});
  const Store store = Store::open_read_only(folder.path() / "baselines.db");
  const std::string text = render_history(store, "token_ppl", {}, "terminal", {});
  EXPECT_THAT(text, AllOf(HasSubstr("▁"), HasSubstr("█"), HasSubstr("from c0ffee5"),
                          HasSubstr("+25.0 %"), HasSubstr("worse")));
  const std::string page = render_history(store, "token_ppl", {}, "html", {});
  EXPECT_THAT(page, AllOf(HasSubstr("level between steps"), HasSubstr("c0ffee7")));
}

TEST(History, OtherDataIsAnotherLineAndWhatWasRemarkedStandsBesideIt) {
  const TemporaryFolder folder;
  Store store = Store::open(folder.path() / "r.db");
  for (const char* data : {"pinned", "altered"}) {
    PlannedCell cell = make_cell(0, "dense", "news-ppl");
    cell.key_doc["data"] = data;
    cell.key = json_hash(cell.key_doc);
    cell.twin_key = cell.key;
    cell.limited = true;
    const std::int64_t id = store.add_experiment("e", {{"title", data}}, 0, true, {cell});
    WorkerReply reply = reply_with("token_ppl", data == std::string("pinned") ? 20 : 30);
    if (data == std::string("altered")) {
      reply.events.push_back({"warning", "data_not_pinned", "another file"});
    }
    run_cell(store, id, cell, "session", "score", reply);
  }
  const std::string text = render_history(store, "token_ppl", {}, "terminal", {.width = 200});
  EXPECT_THAT(text,
              AllOf(HasSubstr("LIMITED RUN"), HasSubstr("[data: pinned against altered]"),
                    HasSubstr("[1] data_not_pinned: another file"), Not(HasSubstr("2 values"))));
  EXPECT_THAT(render_history(store, "token_ppl", {}, "csv", {}), HasSubstr("data_not_pinned"));
}

TEST(History, OneOddValueIsNoStep) {
  const TemporaryFolder folder;
  save_baselines(folder.path(), {20, 20.1, 19.9, 40, 20.05, 20, 20.1, 19.9});
  const Store store = Store::open_read_only(folder.path() / "baselines.db");
  EXPECT_THAT(render_history(store, "token_ppl", {}, "terminal", {}), HasSubstr("no step"));
}

TEST(History, AReusedAttemptIsOneMeasurement) {
  const TemporaryFolder folder;
  Store store = Store::open(folder.path() / "r.db");
  const PlannedCell dense = make_cell(0, "dense", "news-ppl");
  const std::int64_t first = store.add_experiment("e", {{"title", "A"}}, 0, false, {dense});
  run_cell(store, first, dense, "s", "score", reply_with("token_ppl", 20));
  const std::int64_t second = store.add_experiment("e", {{"title", "B"}}, 0, false, {dense});
  store.reuse(second, dense.key);
  EXPECT_EQ(store.history("token_ppl").size(), 1U);
}

TEST(History, ChoosesAndRefuses) {
  const TemporaryFolder folder;
  save_baselines(folder.path(), {20, 21});
  const Store store = Store::open_read_only(folder.path() / "baselines.db");
  HistoryOptions none;
  none.where = {"method=wanda"};
  EXPECT_THAT(render_history(store, "token_ppl", none, "terminal", {}), HasSubstr("No results"));
  HistoryOptions main;
  main.experiment = "main";
  EXPECT_THAT(render_history(store, "token_ppl", main, "csv", {}), HasSubstr("token_ppl"));
  HistoryOptions other;
  other.experiment = "mian";
  EXPECT_THROW((void)render_history(store, "token_ppl", other, "csv", {}), UserError);
  EXPECT_THROW((void)render_history(store, "token_pl", {}, "csv", {}), UserError);
}

}  // namespace
}  // namespace assay
