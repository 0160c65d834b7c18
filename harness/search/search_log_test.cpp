#include "harness/search/search_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <limits>
#include <stdexcept>

#include "harness/base/errors.h"
#include "harness/base/files.h"
#include "harness/search/search_fixture.h"
#include "tests/support/small_files.h"

namespace assay::search {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::ThrowsMessage;

struct Killed : std::runtime_error {
  Killed() : std::runtime_error("killed") {}
};

/// Runs the task, killed in its evaluation number `at`.
void run_killed(SearchTask task, std::size_t at) {
  std::size_t calls = 0;
  task.evaluate = [&calls, at, evaluate = task.evaluate](const Asked& asked) {
    if (calls++ == at) throw Killed();
    return evaluate(asked);
  };
  EXPECT_THROW(run_search(task), Killed);
}

SearchTask logged_task(const Space& space, const std::string& name, const TestFolder& folder,
                       const SearcherSettings& settings = toy_settings()) {
  SearchTask task = toy_task(space, name, settings);
  task.folder = folder.path();
  return task;
}

void append_text(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path, std::ios::app) << text;
}

std::vector<std::string> lines_of(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

class EverySearcher : public testing::TestWithParam<std::string> {};

TEST_P(EverySearcher, ResumesWhereverItWasKilled) {
  const Space space = toy_space();
  const SearchResult whole = run_search(toy_task(space, GetParam(), toy_settings(5)));
  PythonRandom random(6);
  for (int round = 0; round < 20; ++round) {
    const TestFolder folder;
    const SearchTask task = logged_task(space, GetParam(), folder, toy_settings(5));
    const auto last = static_cast<std::int64_t>(whole.evaluations.size()) - 1;
    const auto at = static_cast<std::size_t>(random.randint(0, last));
    run_killed(task, at);
    const SearchResult resumed = run_search(task);
    EXPECT_EQ(resumed.resumed, at);
    EXPECT_TRUE(same_evaluations(resumed, whole)) << "killed at " << at;
  }
}

TEST_P(EverySearcher, ResumesAgainAndAgainFromATornLog) {
  const Space space = toy_space();
  const SearchResult whole = run_search(toy_task(space, GetParam(), toy_settings(7)));
  const TestFolder folder;
  const SearchTask task = logged_task(space, GetParam(), folder, toy_settings(7));
  for (int round = 0; round < 5; ++round) {
    run_killed(task, 9);
    append_text(folder.log(), R"({"fidelity":1.0,"objectives":[0.25,0)");
  }
  const SearchResult resumed = run_search(task);
  EXPECT_EQ(resumed.resumed, 45U);
  EXPECT_TRUE(same_evaluations(resumed, whole));
}

INSTANTIATE_TEST_SUITE_P(Log, EverySearcher, testing::ValuesIn(quick_searchers()));

TEST(SearchLog, AFinishedSearchIsReadAndNotRun) {
  const Space space = toy_space();
  const TestFolder folder;
  SearchTask task = logged_task(space, "nsga2", folder);
  const SearchResult first = run_search(task);
  task.evaluate = [](const Asked&) -> Answer { throw std::logic_error("evaluated again"); };
  const SearchResult again = run_search(task);
  EXPECT_EQ(again.resumed, 100U);
  EXPECT_TRUE(same_evaluations(first, again));
  EXPECT_EQ(first.evaluations[7].seconds, again.evaluations[7].seconds);
}

TEST(SearchLog, ASearchGoesOnWithALargerBudgetWhereTheSearcherDoesNotPlanWithIt) {
  const Space space = toy_space();
  const TestFolder folder;
  run_search(logged_task(space, "nsga2", folder, toy_settings(0, 40)));
  const SearchResult more = run_search(logged_task(space, "nsga2", folder, toy_settings(0, 100)));
  EXPECT_EQ(more.resumed, 40U);
  EXPECT_TRUE(same_evaluations(more, run_search(toy_task(space, "nsga2", toy_settings(0, 100)))));
  const SearchResult less = run_search(logged_task(space, "nsga2", folder, toy_settings(0, 40)));
  EXPECT_EQ(less.evaluations.size(), 40U);
}

TEST(SearchLog, NumbersComeBackExactly) {
  const Space space = toy_space();
  const TestFolder folder;
  const double inf = std::numeric_limits<double>::infinity();
  const std::vector<Objectives> given = {{1.0 / 3, std::nextafter(1.0, 2)},
                                         {5e-324, std::numeric_limits<double>::max()},
                                         {inf, -inf},
                                         {std::nan(""), 0.1},
                                         {-0.0, 2}};
  SearchTask task = logged_task(space, "random", folder, toy_settings(0, 5));
  std::size_t calls = 0;
  task.evaluate = [&](const Asked&) { return Answer(given[calls++], {{"macs", 0.1}}); };
  run_search(task);
  const SearchResult result = run_search(task);
  ASSERT_EQ(result.evaluations.size(), 5U);
  for (std::size_t i = 0; i < given.size(); ++i) {
    for (std::size_t k = 0; k < 2; ++k) {
      const double back = result.evaluations[i].objectives[k];
      if (std::isnan(given[i][k])) {
        EXPECT_TRUE(std::isnan(back));
      } else {
        EXPECT_EQ(back, given[i][k]);
        EXPECT_EQ(std::signbit(back), std::signbit(given[i][k]));
      }
    }
    EXPECT_EQ(result.evaluations[i].details, Json({{"macs", 0.1}}));
  }
}

TEST(SearchLog, IsReadable) {
  const Space space = toy_space(2, 3);
  const TestFolder folder;
  SearchTask task = logged_task(space, "local", folder, toy_settings(0, 1));
  task.evaluate = [](const Asked&) { return Objectives{0, 1}; };
  run_search(task);
  const std::vector<std::string> lines = lines_of(folder.log());
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(Json::parse(lines[0]), Json::parse(R"({"assay_search":1,"identity":{"model":"toy"},
                            "searcher":{"name":"local","revision":"1","seed":0},
                            "space":[{"name":"layer0","values":[1,2,3]},
                                     {"name":"layer1","values":[1,2,3]}]})"));
  Json evaluation = Json::parse(lines[1]);
  EXPECT_GE(evaluation.at("seconds").get<double>(), 0);
  evaluation.erase("seconds");
  EXPECT_EQ(evaluation, Json::parse(R"({"fidelity":1.0,"objectives":[0.0,1.0],"point":[3,3]})"));
}

TEST(SearchLog, RefusesTheLogOfAnotherSearchAndSaysWhatDiffers) {
  const Space space = toy_space();
  const TestFolder folder;
  run_search(logged_task(space, "nsga2", folder));
  const std::string before = read_text_file(folder.log());

  SearchTask other = logged_task(space, "nsga2", folder, toy_settings(3));
  EXPECT_THAT([&] { run_search(other); },
              ThrowsMessage<UserError>(AllOf(HasSubstr("search.jsonl"),
                                             HasSubstr("searcher/seed: 0 in the log, 3 here"),
                                             Not(HasSubstr("population")))));
  other = logged_task(space, "local", folder);
  EXPECT_THAT([&] { run_search(other); },
              ThrowsMessage<UserError>(HasSubstr(R"(searcher/name: "nsga2" in the log)")));
  other = logged_task(space, "nsga2", folder);
  other.identity = {{"model", "toy"}, {"data", "news"}};
  EXPECT_THAT(
      [&] { run_search(other); },
      ThrowsMessage<UserError>(HasSubstr(R"(identity/data: nothing in the log, "news" here)")));
  const Space wider = toy_space(8, 7);
  EXPECT_THAT([&] { run_search(logged_task(wider, "nsga2", folder)); },
              ThrowsMessage<UserError>(AllOf(
                  HasSubstr("space/0/values/6: nothing in the log, 7 here"), HasSubstr("more"))));
  EXPECT_EQ(read_text_file(folder.log()), before);
}

TEST(SearchLog, NoticesASearcherThatAsksOtherwise) {
  const Space space = toy_space();
  const TestFolder folder;
  run_search(logged_task(space, "stratified", folder));
  Space squared = space;
  squared.size = [&](const Point& point) { return std::pow(space.size(point), 2); };
  EXPECT_THAT([&] { run_search(logged_task(squared, "stratified", folder)); },
              ThrowsMessage<UserError>(AllOf(HasSubstr("search.jsonl:2: "), HasSubstr("layer0"),
                                             HasSubstr("asks for another point"))));
}

TEST(SearchLog, SaysWhichLineIsDamaged) {
  const Space space = toy_space();
  for (const std::string line :
       {"{\"point\":[1", "[]", R"({"fidelity":1,"objectives":[0,0],"point":[1,2],"seconds":0})",
        R"({"fidelity":1,"objectives":["x",0],"point":[1,1,1,1,1,1,1,1],"seconds":0})"}) {
    const TestFolder folder;
    const SearchTask task = logged_task(space, "random", folder);
    run_killed(task, 3);
    append_text(folder.log(), line + "\n");
    EXPECT_THAT([&] { run_search(task); },
                ThrowsMessage<UserError>(HasSubstr("search.jsonl:5: damaged")))
        << line;
  }
}

TEST(SearchLog, BeginsAnewWhereNotEvenTheFirstLineWasWritten) {
  const Space space = toy_space();
  const TestFolder folder;
  std::filesystem::create_directories(folder.path());
  append_text(folder.log(), R"({"assay_search":1,"iden)");
  EXPECT_EQ(run_search(logged_task(space, "random", folder)).evaluations.size(), 100U);
  EXPECT_EQ(lines_of(folder.log()).size(), 101U);
}

TEST(SearchLog, TwoSearchesDoNotWriteOneLog) {
  const Space space = toy_space();
  const TestFolder folder;
  SearchTask task = logged_task(space, "random", folder);
  const SearchTask second = task;
  task.evaluate = [&](const Asked& asked) {
    EXPECT_THAT([&] { run_search(second); },
                ThrowsMessage<MachineError>(HasSubstr("another search writes here")));
    return toy_objectives(space, asked.point);
  };
  task.settings.evaluations = 1;
  run_search(task);
}

TEST(SearchLog, AFullDiskEndsTheSearchAndTheNextOneGoesOn) {
  const Space space = toy_space();
  const TestFolder folder;
  const SearchTask task = logged_task(space, "nsga2", folder, toy_settings(2));
  {
    const SmallFiles full(4096);
    EXPECT_THAT([&] { run_search(task); },
                ThrowsMessage<MachineError>(HasSubstr("cannot be written")));
  }
  const SearchResult resumed = run_search(task);
  EXPECT_GT(resumed.resumed, 5U);
  EXPECT_TRUE(same_evaluations(resumed, run_search(toy_task(space, "nsga2", toy_settings(2)))));
}

}  // namespace
}  // namespace assay::search
